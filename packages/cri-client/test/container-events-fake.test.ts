// Lists and events of the fake runtime, whose core is keelsond's.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerEventType, ContainerState } from "@keelson/cri-api/v1";
import { type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { expect, it, onTestFinished } from "vitest";
import { type FakeRuntime, startFakeRuntime } from "../../../apps/fake-runtime/src/index.ts";

const image = "docker.io/library/busybox:1.36";
const pod = { metadata: { name: "pod", uid: "uid", namespace: "ns" } };
const start = (endpoint?: string): Promise<FakeRuntime> =>
  startFakeRuntime({ versions: ["v1"], script: { images: [image] }, ...(endpoint === undefined ? {} : { endpoint }) });

async function startContainer(cri: CriConnection): Promise<string> {
  await cri.images.pullImage({ image: { image } });
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: pod });
  const config = { metadata: { name: "main" }, image: { image } };
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig: pod });
  await cri.runtime.startContainer({ containerId });
  return containerId;
}

it("serves its lists by the streaming methods", async () => {
  await using fake = await start();
  const told: CriConnectionEvent[] = [];
  await using cri = await connectCri({
    runtimeEndpoint: fake.endpoint,
    onEvent: (event) => event.type === "list-fallback" && told.push(event),
  });
  const containerId = await startContainer(cri);
  for await (const { id, state } of cri.lists.containers()) {
    expect([id, state]).toEqual([containerId, ContainerState.CONTAINER_RUNNING]);
  }
  for await (const { metadata } of cri.lists.podSandboxes()) expect(metadata).toMatchObject(pod.metadata);
  for await (const { repoTags } of cri.lists.images()) expect(repoTags).toEqual([image]);
  expect(told).toEqual([]);
});

it("tells of a container from its creation to its removal", async () => {
  await using fake = await start();
  await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
  const events = cri.containerEvents()[Symbol.asyncIterator]();
  expect(await events.next()).toMatchObject({ value: { type: "resync", podSandboxes: [], containers: [] } });
  const containerId = await startContainer(cri);
  await cri.runtime.stopContainer({ containerId, timeout: 0n });
  await cri.runtime.removeContainer({ containerId });
  const seen: ContainerEventType[] = [];
  while (seen.at(-1) !== ContainerEventType.CONTAINER_DELETED_EVENT) {
    const { value } = await events.next();
    if (value?.type === "event" && value.event.containerId === containerId) seen.push(value.event.containerEventType);
  }
  await events.return?.();
  expect(seen).toEqual([
    ContainerEventType.CONTAINER_CREATED_EVENT,
    ContainerEventType.CONTAINER_STARTED_EVENT,
    ContainerEventType.CONTAINER_STOPPED_EVENT,
    ContainerEventType.CONTAINER_DELETED_EVENT,
  ]);
});

it("ends its events when it stops, and has them followed again when it is back", { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "keelson-client-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const endpoint = `unix://${join(folder, "cri.sock")}`;
  const first = await start(endpoint);
  await using cri = await connectCri({ runtimeEndpoint: first.endpoint });
  const containerId = await startContainer(cri);
  const events = cri.containerEvents()[Symbol.asyncIterator]();
  expect(await events.next()).toMatchObject({ value: { type: "resync", containers: [{ id: containerId }] } });
  const resync = (async () => {
    for (;;) {
      const item = await events.next();
      if (item.done || item.value.type === "resync") return item;
    }
  })();
  await first.close();
  await using _second = await start(endpoint);
  // what it ran went down with it
  expect(await resync).toMatchObject({ value: { containers: [], cause: { code: "UNAVAILABLE" } } });
  await events.return?.();
});
