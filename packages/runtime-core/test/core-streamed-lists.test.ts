import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { longestBatch } from "../src/rpc/batches.ts";
import { containerConfig, failure, openCore, podConfig } from "./core-harness.ts";

async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const part of parts) read.push(part);
  return read;
}

describe("a streamed list", () => {
  it("has no part where there is nothing", async () => {
    const { runtime, images } = await openCore();
    await images.removeImage({ image: { image: "busybox" } });
    expect(await all(runtime.streamPodSandboxes({}))).toEqual([]);
    expect(await all(runtime.streamContainers({}))).toEqual([]);
    expect(await all(images.streamImages({}))).toEqual([]);
  });

  it("has what the unary list has, with every filter", async () => {
    const { runtime, images } = await openCore();
    for (const name of ["a", "b", "c"]) {
      const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig(name, { labels: { name } }) });
      for (const own of ["x", "y"]) {
        const config = containerConfig(own, { labels: { name, own } });
        const { containerId } = await runtime.createContainer({ podSandboxId, config });
        if (own === "x") await runtime.startContainer({ containerId });
      }
      if (name === "c") await runtime.stopPodSandbox({ podSandboxId });
    }
    const [sandbox] = (await runtime.listPodSandbox({})).items;
    const id = sandbox?.id.slice(0, 20) ?? "";
    const notReady = { state: { state: PodSandboxState.SANDBOX_NOTREADY } };
    for (const filter of [{}, { id }, notReady, { labelSelector: { name: "b" } }]) {
      const parts = await all(runtime.streamPodSandboxes({ filter }));
      const { items } = await runtime.listPodSandbox({ filter });
      expect(items.length).toBeGreaterThan(0);
      expect(parts.flatMap(({ podSandboxes }) => podSandboxes)).toEqual(items);
    }
    const created = { state: { state: ContainerState.CONTAINER_CREATED } };
    for (const filter of [{}, { podSandboxId: id }, created, { labelSelector: { own: "x" } }]) {
      const parts = await all(runtime.streamContainers({ filter }));
      const { containers } = await runtime.listContainers({ filter });
      expect(containers.length).toBeGreaterThan(0);
      expect(parts.flatMap((part) => part.containers)).toEqual(containers);
    }
    for (const image of ["", "busybox", "nothing:here"]) {
      const filter = { image: { image } };
      const parts = await all(images.streamImages({ filter }));
      expect(parts.flatMap((part) => part.images)).toEqual((await images.listImages({ filter })).images);
    }
  });

  it("comes in parts when it is large, and shows what was there when it was asked for", async () => {
    const { runtime } = await openCore();
    const annotations = { large: "x".repeat(longestBatch / 2) };
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) {
      ids.push((await runtime.runPodSandbox({ config: podConfig(name, { annotations }) })).podSandboxId);
    }
    const parts = runtime.streamPodSandboxes({})[Symbol.asyncIterator]();
    const seen = [(await parts.next()).value?.podSandboxes[0]?.id];
    for (const podSandboxId of ids) await runtime.removePodSandbox({ podSandboxId });
    for (let part = await parts.next(); part.done !== true; part = await parts.next()) {
      expect(part.value.podSandboxes).toHaveLength(1);
      seen.push(part.value.podSandboxes[0]?.id);
    }
    expect(seen).toEqual(ids);
    expect(await all(runtime.streamPodSandboxes({}))).toEqual([]);
  });

  it("is refused before the core serves, and for a filter that means nothing", async () => {
    const { runtime, images, core } = await openCore();
    await failure(all(images.streamImages({ filter: { image: { image: "a\0" } } })), "INVALID_ARGUMENT");
    await core.close();
    await failure(all(runtime.streamContainers({})), "UNAVAILABLE");
  });
});
