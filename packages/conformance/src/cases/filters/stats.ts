import { expect, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const containerStatsFilter: Case = defineCase({
  name: "ListContainerStats by ID, by sandbox and by labels has those containers and no others",
  cites: "runtime.v1 ContainerStatsFilter: what is set must all hold; an unknown one passes none",
  covers: [
    "ListContainerStatsRequest.filter",
    "ContainerStatsFilter.id",
    "ContainerStatsFilter.pod_sandbox_id",
    "ContainerStatsFilter.label_selector",
  ],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support listing container stats [Conformance]",
    "[k8s.io] Container runtime should support basic operations on container runtime should support listing stats for containers filtered by labels [Conformance]",
  ],
  async run({ cri, pod, anotherPod, unique }) {
    const one = await pod.start({ config: { labels: { unique, tier: "front" } } });
    const other = await pod.start({ config: { labels: { unique, tier: "frontier" } } });
    await anotherPod().start({ config: { labels: { tier: "front" } } });
    const listed = async (filter: object) =>
      (await cri.listContainerStats({ filter })).stats.map(({ attributes }) => attributes?.id ?? "").toSorted();
    const both = [one.id, other.id].toSorted();
    expect(await listed({ podSandboxId: pod.id })).toEqual(both);
    expect(await listed({ labelSelector: { unique } })).toEqual(both);
    expect(await listed({ labelSelector: { unique, tier: "front" } })).toEqual([one.id]);
    expect(await listed({ id: one.id })).toEqual([one.id]);
    expect(await listed({ id: one.id, labelSelector: { tier: "frontier" } })).toEqual([]);
    expect(await listed({ id: "0".repeat(64) })).toEqual([]);
  },
});

export const sandboxStatsFilter: Case = defineCase({
  name: "ListPodSandboxStats by ID and by labels has those sandboxes and no others",
  cites: "runtime.v1 PodSandboxStatsFilter: what is set must all hold; an unknown one passes none",
  covers: ["ListPodSandboxStatsRequest.filter", "PodSandboxStatsFilter.id", "PodSandboxStatsFilter.label_selector"],
  async run({ cri, anotherPod, unique }) {
    const [one, other, third] = [
      anotherPod({ config: { labels: { unique, tier: "front" } } }),
      anotherPod({ config: { labels: { unique, tier: "frontier" } } }),
      anotherPod({ config: { labels: { tier: "front" } } }),
    ];
    await Promise.all([one.run(), other.run(), third.run()]);
    const listed = async (filter: object) =>
      (await cri.listPodSandboxStats({ filter })).stats.map(({ attributes }) => attributes?.id ?? "").toSorted();
    expect(await listed({ labelSelector: { unique } })).toEqual([one.id, other.id].toSorted());
    expect(await listed({ labelSelector: { unique, tier: "front" } })).toEqual([one.id]);
    expect(await listed({ id: one.id })).toEqual([one.id]);
    expect(await listed({ id: one.id, labelSelector: { tier: "frontier" } })).toEqual([]);
    expect(await listed({ id: "0".repeat(64) })).toEqual([]);
  },
});

export const streamedStats: Case = defineCase({
  name: "StreamContainerStats and StreamPodSandboxStats have what their lists have by the same filter, each once",
  cites: "runtime.v1 StreamContainerStats, StreamPodSandboxStats: by the rules of StreamPodSandboxes; KEP-5825",
  covers: [
    "StreamContainerStatsRequest.filter",
    "StreamContainerStatsResponse.container_stats",
    "StreamPodSandboxStatsRequest.filter",
    "StreamPodSandboxStatsResponse.pod_sandbox_stats",
  ],
  async run({ cri, anotherPod, unique }) {
    const pods = Array.from({ length: 2 }, () => anotherPod({ config: { labels: { unique } } }));
    const containers = await Promise.all(pods.map((pod) => pod.start({ config: { labels: { unique } } })));
    await anotherPod().start();
    const filter = { labelSelector: { unique } };
    const [ofContainers, ofPods]: string[][] = [[], []];
    for await (const { containerStats } of cri.streamContainerStats({ filter })) {
      if (containerStats.length === 0) fail("a part of the stream has no item");
      ofContainers?.push(...containerStats.map(({ attributes }) => attributes?.id ?? ""));
    }
    for await (const { podSandboxStats } of cri.streamPodSandboxStats({ filter })) {
      if (podSandboxStats.length === 0) fail("a part of the stream has no item");
      ofPods?.push(...podSandboxStats.map(({ attributes }) => attributes?.id ?? ""));
    }
    expect(ofContainers?.toSorted()).toEqual(containers.map(({ id }) => id).toSorted());
    expect(ofPods?.toSorted()).toEqual(pods.map(({ id }) => id).toSorted());
  },
});
