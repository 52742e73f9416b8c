// Container events of real containerds. `npm test` takes bookworm's, KEELSON_PEERS=all those of all four.
import { ContainerEventType, ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import type { ContainerEvent, CriConnectionEvent } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startContainer } from "../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, runKubeletPod } from "./harness/kubelet-requests.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, type Suite, titledSuites } from "./harness/peers.ts";

/** GetContainerEvents came with 1.7 and CRI v1. */
const servesEvents: readonly Suite[] = ["trixie", "sid"];

describe.each(titledSuites)("container events of containerd %s", { timeout: 60_000 }, (_, suite) => {
  let node: PeerNode;
  beforeAll(async () => {
    if (!peers.has(suite)) return;
    node = await openPeerNode();
    await node.start(suite);
  }, 60_000);
  afterAll(() => node?.close(), 60_000);

  if (!servesEvents.includes(suite)) {
    it.skipIf(!peers.has(suite))("are said not to be served", async () => {
      await using cri = await node.connect();
      const first = cri.containerEvents()[Symbol.asyncIterator]().next();
      await expect(first).rejects.toMatchObject({ code: "UNIMPLEMENTED", reason: "EVENTS_NOT_SERVED" });
    });
    return;
  }

  it.skipIf(!peers.has(suite))("follow a pod, also through a restart", async () => {
    const told: CriConnectionEvent[] = [];
    await using cri = await node.connect({
      onEvent: (event) => event.type === "events-resync" && told.push(event),
    });
    const events = cri.containerEvents();
    const items = events[Symbol.asyncIterator]();
    const untilItem = async (wanted: (item: ContainerEvent) => boolean): Promise<ContainerEvent> => {
      for (;;) {
        const { value, done } = await items.next();
        if (done) throw new Error("the events have ended");
        if (wanted(value)) return value;
      }
    };
    const tells = (id: string, type: ContainerEventType) => (item: ContainerEvent) =>
      item.type === "event" && item.event.containerId === id && item.event.containerEventType === type;

    expect((await items.next()).value).toMatchObject({ type: "resync", podSandboxes: [], containers: [] });
    const pod = await runKubeletPod(cri, node);
    const containerId = await startContainer(
      cri,
      pod,
      await kubeletContainer(cri, node, { name: "main", script: "exec sleep 3600" }),
    );
    await untilItem(tells(pod.podSandboxId, ContainerEventType.CONTAINER_STARTED_EVENT));
    const started = await untilItem(tells(containerId, ContainerEventType.CONTAINER_STARTED_EVENT));
    expect(started).toMatchObject({
      event: {
        podSandboxStatus: { id: pod.podSandboxId, state: PodSandboxState.SANDBOX_READY },
        containersStatuses: [{ id: containerId, state: ContainerState.CONTAINER_RUNNING }],
      },
    });

    // what happens while the runtime is away is in the resync
    const resync = untilItem((item) => item.type === "resync");
    await node.stop("SIGKILL");
    await node.start(suite);
    expect(await resync).toMatchObject({
      podSandboxes: [{ id: pod.podSandboxId, state: PodSandboxState.SANDBOX_READY }],
      containers: [{ id: containerId, state: ContainerState.CONTAINER_RUNNING }],
      cause: { code: "UNAVAILABLE" },
    });
    expect(told).toHaveLength(1);

    await cri.runtime.stopContainer({ containerId, timeout: 0n });
    await untilItem(tells(containerId, ContainerEventType.CONTAINER_STOPPED_EVENT));
    await cri.runtime.stopPodSandbox({ podSandboxId: pod.podSandboxId });
    await cri.runtime.removePodSandbox({ podSandboxId: pod.podSandboxId });
    await untilItem(tells(containerId, ContainerEventType.CONTAINER_DELETED_EVENT));
    await untilItem(tells(pod.podSandboxId, ContainerEventType.CONTAINER_DELETED_EVENT));
    await items.return?.();
  });
});
