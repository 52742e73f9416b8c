// Lists and events as connectCri() gives them, by the real clock.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ContainerState } from "@keelson/cri-api/v1";
import { type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { expect, it } from "vitest";
import { startFakeRuntime } from "../../../apps/fake-runtime/src/index.ts";
import { eventOf } from "./followed-runtime.ts";
import { EventFeed, type RuntimeParts, StreamingRuntime } from "./streaming-runtime.ts";

const image = "docker.io/library/busybox:1.36";
const pod = { metadata: { name: "pod", uid: "uid", namespace: "ns" } };

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

it.each(["v1", "v1alpha2"] as const)("lists what the fake runtime has, by %s", async (version) => {
  await using fake = await startFakeRuntime({ versions: [version], script: { images: [image] } });
  const told: string[] = [];
  await using cri = await connectCri({
    runtimeEndpoint: fake.endpoint,
    onEvent: (event) => event.type === "list-fallback" && told.push(event.method),
  });
  await cri.images.pullImage({ image: { image } });
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: pod });
  const config = { metadata: { name: "main" }, image: { image } };
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig: pod });

  const sandboxes = await collect(cri.lists.podSandboxes());
  expect(sandboxes).toMatchObject([{ id: podSandboxId, metadata: pod.metadata }]);
  const containers = await collect(cri.lists.containers({ podSandboxId }));
  expect(containers).toMatchObject([{ id: containerId, state: ContainerState.CONTAINER_CREATED }]);
  expect(await collect(cri.lists.containers({ podSandboxId: "another" }))).toEqual([]);
  expect(await collect(cri.lists.images())).toMatchObject([{ repoTags: [image] }]);
  // the old version has no streaming lists to fall from
  if (version === "v1alpha2") expect(told).toEqual([]);
});

it("says that the fake runtime has no events by v1alpha2", async () => {
  await using fake = await startFakeRuntime({ versions: ["v1alpha2"] });
  await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
  const first = cri.containerEvents()[Symbol.asyncIterator]().next();
  await expect(first).rejects.toMatchObject({ code: "UNIMPLEMENTED", reason: "EVENTS_NOT_SERVED" });
});

it("follows events through a restart of the runtime, and tells of the resync", async () => {
  const feed = new EventFeed();
  const containers = [{ id: "a", state: ContainerState.CONTAINER_RUNNING }];
  const parts: RuntimeParts = {
    runtime: {
      getContainerEvents: feed.handler,
      listPodSandbox: () => ({}),
      listContainers: () => ({ containers }),
    },
  };
  await using runtime = await StreamingRuntime.start(parts);
  const told: CriConnectionEvent[] = [];
  await using cri = await connectCri({
    runtimeEndpoint: runtime.endpoint,
    onEvent: (event) => event.type === "events-resync" && told.push(event),
  });
  const seen: string[] = [];
  for await (const item of cri.containerEvents()) {
    if (item.type === "event") {
      seen.push(`event ${item.event.containerId}`);
      if (seen.length === 2) {
        await runtime.kill();
        containers.splice(0);
        await runtime.serve(parts);
      } else break;
    } else {
      seen.push(`resync ${item.containers.map(({ id }) => id)} ${item.cause?.reason ?? ""}`);
      feed.streams.at(-1)?.send(eventOf(`${seen.length}`, "created"));
    }
  }
  expect(seen).toEqual(["resync a ", "event 1", "resync  CONNECTION_LOST", "event 3"]);
  expect(told).toMatchObject([{ endpoint: runtime.endpoint, cause: { code: "UNAVAILABLE" } }]);
});

// A consumer that stands still in its loop, and one that waits during a pause between two streams.
const script = `
  const { connectCri } = await import(process.argv[1]);
  const cri = await connectCri({ runtimeEndpoint: process.argv[2] });
  const events = cri.containerEvents()[Symbol.asyncIterator]();
  console.log((await events.next()).value.type);
  const waiting = cri.containerEvents()[Symbol.asyncIterator]();
  await waiting.next();
  const end = waiting.next().catch((error) => console.log(error.code));
  cri.close();
  await end;
`;

it("keeps no process alive after close()", async () => {
  await using runtime = await StreamingRuntime.start({
    runtime: {
      getContainerEvents: new EventFeed().handler,
      listPodSandbox: () => ({}),
      listContainers: () => ({}),
    },
  });
  const client = import.meta.resolve("@keelson/cri-client");
  const args = ["--input-type=module", "--eval", script, client, runtime.endpoint];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 });
  expect(stdout).toBe("resync\nCANCELED\n");
});
