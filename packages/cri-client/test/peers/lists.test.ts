// Lists with the containerd of each generation; none of them serves the streaming ones.
import type { CriConnectionEvent } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLivingContainer } from "./harness/living-container.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, served, titledSuites } from "./harness/peers.ts";

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe.each(titledSuites)("containerd %s", { timeout: 60_000 }, (_, suite) => {
  const absent = !peers.has(suite);
  let node: PeerNode;
  beforeAll(async () => {
    if (absent) return;
    node = await openPeerNode();
    await node.start(suite);
  }, 60_000);
  afterAll(() => node?.close(), 60_000);

  it.skipIf(absent).each(served[suite])("lists by the unary calls, which is told once, by %s", async (version) => {
    const events: CriConnectionEvent[] = [];
    await using cri = await node.connect({ versions: [version], onEvent: (event) => events.push(event) });
    const { id, pod } = await startLivingContainer(cri, node, `listed-${version}`);
    const filter = { podSandboxId: pod.podSandboxId };
    for (const _ of [1, 2]) {
      expect((await all(cri.lists.containers(filter))).map((one) => one.id)).toEqual([id]);
    }
    expect((await all(cri.lists.containerStats(filter))).map((one) => one.attributes?.id)).toEqual([id]);
    expect((await all(cri.lists.podSandboxes({ id: pod.podSandboxId }))).map((one) => one.id)).toEqual([
      pod.podSandboxId,
    ]);
    expect((await all(cri.lists.images())).flatMap((one) => one.repoTags)).toContain(node.images.busybox);
    await cri.runtime.removePodSandbox({ podSandboxId: pod.podSandboxId });
    // v1alpha2 has none, and is not asked
    const lists = ["StreamContainers", "StreamContainerStats", "StreamPodSandboxes"].map(
      (name) => `RuntimeService/${name}`,
    );
    const told = events.flatMap((event) => (event.type === "list-fallback" ? [event.method] : []));
    expect(told).toEqual(version === "v1" ? [...lists, "ImageService/StreamImages"] : []);
  });
});
