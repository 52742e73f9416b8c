import { access, readFile } from "node:fs/promises";
import { parseEndpoint } from "@keelson/cri-api/endpoint";
import { connectCri } from "@keelson/cri-client";
import { createFaults, createManualClock, createMemoryStore, createSimulatedWorld } from "@keelson/runtime-core/sim";
import { describe, expect, test } from "vitest";
import { startFakeRuntime } from "../src/index.ts";

const image = "docker.io/library/busybox:1.36";
const pod = { metadata: { name: "pod", uid: "uid", namespace: "ns" } };

describe("startFakeRuntime()", () => {
  test("serves until it is closed, which may be done twice and leaves nothing", async () => {
    const fake = await startFakeRuntime();
    const endpoint = parseEndpoint(fake.endpoint);
    const path = endpoint.kind === "unix" ? endpoint.path : "";
    await access(path);
    await Promise.all([fake.close(), fake.close()]);
    await fake.close();
    await expect(access(path)).rejects.toThrow("ENOENT");
    await expect(access(path.replace(/\/[^/]*$/, ""))).rejects.toThrow("ENOENT");
    await expect(connectCri({ runtimeEndpoint: fake.endpoint })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("plays a container by its name, on a clock that a test moves", async () => {
    const clock = createManualClock();
    await using fake = await startFakeRuntime({
      clock,
      script: { images: [image], containers: { job: { exit: { code: 3, afterMs: 3_600_000 } } } },
    });
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    await cri.images.pullImage({ image: { image } });
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: pod });
    const { containerId } = await cri.runtime.createContainer({
      podSandboxId,
      config: { metadata: { name: "job" }, image: { image } },
      sandboxConfig: pod,
    });
    await cri.runtime.startContainer({ containerId });
    const startedAt = clock.now();
    await clock.advance(3_600_000);
    const { status } = await cri.runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ exitCode: 3, startedAt, finishedAt: startedAt + 3_600_000_000_000n });
  });

  test("starts again on the records and the machine of its last life, also after a crash", async () => {
    const world = createSimulatedWorld();
    const store = createMemoryStore();
    const first = await startFakeRuntime({ world, store });
    await using before = await connectCri({ runtimeEndpoint: first.endpoint });
    await before.images.pullImage({ image: { image } });
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: pod });
    const { containerId } = await before.runtime.createContainer({
      podSandboxId,
      config: { metadata: { name: "main" }, image: { image } },
      sandboxConfig: pod,
    });
    await before.runtime.startContainer({ containerId });
    // the crash: the old records are out of reach, the old engine can touch nothing any more
    await using second = await startFakeRuntime({ world, store: store.crash() });
    await using after = await connectCri({ runtimeEndpoint: second.endpoint });
    const { containers } = await after.runtime.listContainers({});
    expect(containers).toMatchObject([{ id: containerId, state: 1 }]);
    await after.runtime.stopPodSandbox({ podSandboxId });
    await after.runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
    await first.close();
  });

  test("lets a step be held: many calls for one pod join, and all get one ID", async () => {
    const faults = createFaults();
    const world = createSimulatedWorld();
    await using fake = await startFakeRuntime({ faults, world });
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    const hold = faults.hold("attach-network.apply");
    const calls = Array.from({ length: 50 }, () => cri.runtime.runPodSandbox({ config: pod }));
    await hold.arrived(1);
    expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
    hold.release();
    const ids = new Set((await Promise.all(calls)).map((one) => one.podSandboxId));
    expect(ids.size).toBe(1);
    expect(world.leftovers().filter((one) => one.startsWith("address"))).toHaveLength(1);
  });

  test("refuses a script with mistakes and is not left half started", async () => {
    const script = JSON.parse('{"images":[3]}') as object;
    await expect(startFakeRuntime({ script })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("has the version of its package", async () => {
    const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    await using fake = await startFakeRuntime();
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    expect((await cri.runtime.version({})).runtimeVersion).toBe(manifest.version);
  });
});
