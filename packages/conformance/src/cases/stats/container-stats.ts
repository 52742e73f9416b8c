import { expect, expectFailure, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";
import type { Stage } from "../../stage/stage.ts";

async function measure({ cri }: Pick<Stage, "cri">, containerId: string) {
  return (await cri.containerStats({ containerId })).stats ?? fail("ContainerStats has no stats");
}

export const containerAttributes: Case = defineCase({
  name: "ContainerStats of a running container names it and tells cpu and memory",
  cites: "runtime.v1 ContainerStats: attributes, cpu, memory",
  covers: [
    "ContainerStatsRequest.container_id",
    "ContainerStatsResponse.stats",
    "ContainerStats.attributes",
    "ContainerStats.cpu",
    "ContainerStats.memory",
    "ContainerAttributes.id",
    "ContainerAttributes.metadata",
    "ContainerAttributes.labels",
    "ContainerAttributes.annotations",
    "CpuUsage.timestamp",
    "MemoryUsage.timestamp",
    "MemoryUsage.working_set_bytes",
  ],
  async run({ cri, pod, unique }) {
    const c = await pod.start({ name: "measured", attempt: 2, config: { labels: { unique } } });
    const { attributes, cpu, memory } = await measure({ cri }, c.id);
    expect(attributes).toMatchObject({ id: c.id, metadata: { name: "measured", attempt: 2 } });
    expect(attributes?.labels).toEqual({ unique });
    expect(attributes?.annotations).toEqual(c.config.annotations);
    const { createdAt } = await c.status();
    expect(cpu?.timestamp).toBeGreaterThan(createdAt);
    expect(memory?.timestamp).toBeGreaterThan(createdAt);
    expect(memory?.workingSetBytes?.value).toBeGreaterThan(0n);
  },
});

export const cpuGrows: Case = defineCase({
  name: "the CPU time of a container grows and never falls, and its rate is told",
  cites: "runtime.v1 CpuUsage: usage_core_nano_seconds never falls; usage_nano_cores, from two samples on",
  covers: ["CpuUsage.timestamp", "CpuUsage.usage_core_nano_seconds", "CpuUsage.usage_nano_cores"],
  async run({ cri, pod, until }) {
    const c = await pod.start();
    const first = (await measure({ cri }, c.id)).cpu;
    const used = first?.usageCoreNanoSeconds?.value ?? fail("there is no CPU time");
    const count = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";
    const last = await until("its rate is told, and it has used more", async () => {
      await c.observe({ inside: count, recorded: () => "" });
      const { cpu } = await measure({ cri }, c.id);
      expect(cpu?.usageCoreNanoSeconds?.value).toBeAtLeast(used);
      expect(cpu?.timestamp).toBeAtLeast(first?.timestamp ?? 0n);
      return (cpu?.usageNanoCores?.value ?? 0n) > 0n && (cpu?.usageCoreNanoSeconds?.value ?? 0n) > used && cpu;
    });
    expect(last.timestamp).toBeGreaterThan(first?.timestamp ?? 0n);
    // no container uses more than all CPUs of a large machine
    expect(last.usageNanoCores?.value).toBeLessThan(4_096_000_000_000n);
  },
});

export const memoryFits: Case = defineCase({
  name: "the figures of a container's memory fit each other and its limit",
  cites:
    "runtime.v1 MemoryUsage: working_set_bytes within usage_bytes; available_bytes is the limit less the working set",
  covers: [
    "MemoryUsage.working_set_bytes",
    "MemoryUsage.available_bytes",
    "MemoryUsage.usage_bytes",
    "MemoryUsage.rss_bytes",
    "MemoryUsage.page_faults",
    "MemoryUsage.major_page_faults",
  ],
  async run({ cri, pod }) {
    const limit = 67_108_864n;
    const c = await pod.start({ resources: { memoryLimitInBytes: limit } });
    await c.untilLogged("ready");
    const { memory } = await measure({ cri }, c.id);
    const [usage, workingSet] = [memory?.usageBytes?.value ?? 0n, memory?.workingSetBytes?.value ?? 0n];
    expect(workingSet).toBeGreaterThan(0n);
    expect(usage).toBeAtLeast(workingSet);
    expect(usage).toBeLessThan(limit);
    expect(memory?.availableBytes?.value).toBe(limit - workingSet);
    expect(memory?.rssBytes?.value).toBeGreaterThan(0n);
    expect(memory?.rssBytes?.value).toBeLessThan(limit);
    expect(memory?.pageFaults?.value).toBeGreaterThan(0n);
    expect(memory?.majorPageFaults?.value).toBeAtLeast(0n);
    expect(memory?.majorPageFaults?.value).toBeLessThan((memory?.pageFaults?.value ?? 0n) + 1n);
  },
});

export const memoryGrows: Case = defineCase({
  name: "memory that a container takes is in its working set",
  cites: "runtime.v1 MemoryUsage.working_set_bytes: bytes that can't be given back easily",
  covers: ["MemoryUsage.working_set_bytes", "MemoryUsage.usage_bytes"],
  needs: ["inside"],
  async run({ cri, pod, until }) {
    const c = await pod.start();
    const before = (await measure({ cri }, c.id)).memory?.workingSetBytes?.value ?? fail("there is no working set");
    const taken = 24n * 1024n * 1024n;
    // a file in memory belongs to who wrote it
    await c.observe({ inside: `head -c ${taken} /dev/zero > /dev/shm/file`, recorded: () => "" });
    await until("its working set has grown", async () => {
      const { memory } = await measure({ cri }, c.id);
      const value = memory?.workingSetBytes?.value ?? 0n;
      expect(memory?.usageBytes?.value).toBeAtLeast(value);
      return value - before > (taken * 3n) / 4n;
    });
  },
});

export const writableLayer: Case = defineCase({
  name: "the writable layer of a container is measured, and tells on which file system it is",
  cites: "runtime.v1 ContainerStats.writable_layer: what the container has written into its root file system",
  covers: [
    "ContainerStats.writable_layer",
    "FilesystemUsage.timestamp",
    "FilesystemUsage.fs_id",
    "FilesystemUsage.used_bytes",
    "FilesystemUsage.inodes_used",
  ],
  async run({ cri, pod, until }) {
    const c = await pod.start();
    // it may be measured every some seconds only
    const layer = await until("its writable layer is measured", async () => {
      const one = (await measure({ cri }, c.id)).writableLayer;
      return one?.usedBytes !== undefined && one.inodesUsed !== undefined ? one : undefined;
    });
    expect(layer.timestamp).toBeGreaterThan(1_600_000_000_000_000_000n);
    expect(layer.fsId?.mountpoint).toMatch(/^\//);
    expect(layer.usedBytes?.value).toBeLessThan(1_048_576n);
    expect(layer.inodesUsed?.value).toBeLessThan(1_000n);
  },
});

export const writtenBytes: Case = defineCase({
  name: "what a container writes into its root file system is in the figures of its writable layer, its volumes are not",
  cites: "runtime.v1 ContainerStats.writable_layer: not its volumes, not its log",
  covers: ["FilesystemUsage.used_bytes", "FilesystemUsage.inodes_used"],
  needs: ["inside"],
  timeoutMs: 60_000,
  async run({ cri, pod, until }) {
    const c = await pod.start();
    const inside = "mkdir /f; for i in 1 2 3 4 5 6 7 8; do head -c 524288 /dev/urandom > /f/$i; done; sync";
    await c.observe({ inside, recorded: () => "" });
    await c.observe({ inside: "head -c 33554432 /dev/zero > /dev/shm/file", recorded: () => "" });
    const found = await until(
      "its writable layer has grown",
      async () => {
        const { writableLayer: one } = await measure({ cri }, c.id);
        return (one?.usedBytes?.value ?? 0n) >= 4_194_304n && (one?.inodesUsed?.value ?? 0n) >= 9n ? one : undefined;
      },
      { withinMs: 40_000 },
    );
    expect(found.usedBytes?.value).toBeLessThan(16_777_216n);
  },
});

export const statsOfUnknown: Case = defineCase({
  name: "ContainerStats of a container that is not there is NotFound",
  cites: "runtime.v1 ContainerStats: NotFound when there is none",
  covers: ["ContainerStatsRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.containerStats({ containerId: "0".repeat(64) }), "NOT_FOUND");
  },
});

export const endedHasNone: Case = defineCase({
  name: "ListContainerStats has running containers with figures, and ended ones not at all or without CPU and memory",
  cites: "runtime.v1 ListContainerStats: one that has ended is left out, or listed without CPU and memory",
  covers: ["ListContainerStatsResponse.stats", "ContainerStats.cpu", "ContainerStats.memory"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support listing stats for started containers [Conformance]",
  ],
  async run({ cri, pod }) {
    const [running, ended] = [await pod.start(), await pod.start({ program: exit(0) })];
    await ended.until("exited");
    const { stats } = await expectSuccess(cri.listContainerStats({ filter: { podSandboxId: pod.id } }));
    const of = (id: string) => stats.filter(({ attributes }) => attributes?.id === id);
    expect(of(running.id)).toHaveLength(1);
    expect(of(running.id)[0]?.cpu?.usageCoreNanoSeconds).toBeDefined();
    expect(of(running.id)[0]?.memory?.workingSetBytes).toBeDefined();
    expect(of(ended.id).length).toBeLessThan(2);
    for (const { cpu, memory } of of(ended.id)) expect([cpu, memory]).toEqual([undefined, undefined]);
  },
});

export const statsOfAll: Case = defineCase({
  name: "ListContainerStats without a filter has the containers of all pods, each once",
  cites: "runtime.v1 ListContainerStatsRequest.filter: unset passes all",
  covers: ["ListContainerStatsResponse.stats"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support listing stats for started containers when filter is nil [Conformance]",
    "[k8s.io] Container runtime should support basic operations on container runtime should support listing stats for three created containers when filter is nil. [Conformance]",
  ],
  async run({ cri, pod, anotherPod }) {
    const mine = (await Promise.all([pod.start(), pod.start(), anotherPod().start()])).map(({ id }) => id);
    for (const request of [{}, { filter: {} }]) {
      const ids = (await cri.listContainerStats(request)).stats.map(({ attributes }) => attributes?.id ?? "");
      expect(mine.filter((id) => !ids.includes(id))).toEqual([]);
      expect(new Set(ids).size).toBe(ids.length);
    }
  },
});

export const swap: Case = defineCase({
  name: "ContainerStats tells a container's swap where the node counts it, and else tells none",
  cites: "runtime.v1 ContainerStats.swap: unset where the node has no swap controller; KEP-2400",
  covers: ["ContainerStats.swap", "SwapUsage.timestamp", "SwapUsage.swap_usage_bytes"],
  async run({ cri, pod }) {
    const c = await pod.start({ resources: { memoryLimitInBytes: 67_108_864n } });
    const files = "/sys/fs/cgroup/memory.swap.current /sys/fs/cgroup/memory/memory.memsw.usage_in_bytes";
    const counted = await c.observe({ inside: `ls ${files} 2>/dev/null | wc -l`, recorded: () => "1" });
    const { swap: found, memory } = await measure({ cri }, c.id);
    expect(memory?.workingSetBytes).toBeDefined();
    if (counted === "0") {
      expect(found).toBeUndefined();
      return;
    }
    expect(found?.timestamp).toBeGreaterThan((await c.status()).createdAt);
    expect(found?.swapUsageBytes?.value).toBeLessThan(67_108_864n);
  },
});

export const swapLeft: Case = defineCase({
  name: "ContainerStats tells how much of its swap limit a container has left, where the node counts swap",
  cites:
    "runtime.v1 SwapUsage.swap_available_bytes: swap limit less what is used; memory_swap_limit_in_bytes; KEP-2400",
  covers: ["SwapUsage.swap_available_bytes", "SwapUsage.swap_usage_bytes"],
  async run({ cri, pod }) {
    const [memoryLimitInBytes, memorySwapLimitInBytes] = [67_108_864n, 100_663_296n];
    const c = await pod.start({ resources: { memoryLimitInBytes, memorySwapLimitInBytes } });
    const files = "/sys/fs/cgroup/memory.swap.current /sys/fs/cgroup/memory/memory.memsw.usage_in_bytes";
    const counted = await c.observe({ inside: `ls ${files} 2>/dev/null | wc -l`, recorded: () => "1" });
    const { swap: found } = await measure({ cri }, c.id);
    if (counted === "0") {
      expect(found).toBeUndefined();
      return;
    }
    const used = found?.swapUsageBytes?.value ?? fail("it does not tell what is used");
    expect(found?.swapAvailableBytes?.value).toBe(memorySwapLimitInBytes - memoryLimitInBytes - used);
  },
});
