import { NamespaceMode } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { type CoreHarness, containerConfig, failure, openCore, podConfig, runContainer } from "./core-harness.ts";

async function readAll<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const parts: T[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const second = 1_000_000_000n;
const MiB = 1024n * 1024n;
const script = {
  usage: [
    { cpuMillis: 500, memoryBytes: 8 * 1024 * 1024, cacheBytes: 4096, processes: 3, receivedBytes: 10, sentBytes: 20 },
    { atMs: 2000, cpuMillis: 2000, writtenBytes: 70_000 },
  ],
};

async function pod(harness: CoreHarness, name: string, network: NamespaceMode = NamespaceMode.POD): Promise<string> {
  const linux = { securityContext: { namespaceOptions: { network } } };
  const config = podConfig(name, { labels: { app: name }, annotations: { note: name }, linux });
  return (await harness.runtime.runPodSandbox({ config })).podSandboxId;
}

async function started(harness: CoreHarness, podSandboxId: string, name: string): Promise<string> {
  const config = containerConfig(name, { script, labels: { name } });
  const { containerId } = await harness.runtime.createContainer({ podSandboxId, config });
  await harness.runtime.startContainer({ containerId });
  return containerId;
}

describe("ContainerStats", () => {
  it("follows the container's life: CPU time, rate from the second sample on, memory, what was written", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const { containerId } = await runContainer(harness, script);
    const { stats: first } = await runtime.containerStats({ containerId: containerId.slice(0, 12) });
    expect(first?.attributes).toMatchObject({ id: containerId, metadata: { name: "main" } });
    expect(first?.cpu?.usageNanoCores).toBeUndefined();
    expect(first?.cpu?.timestamp).toBe(clock.now());
    await clock.advance(1000);
    const { stats } = await runtime.containerStats({ containerId });
    expect(stats?.cpu).toMatchObject({
      usageCoreNanoSeconds: { value: second / 2n },
      usageNanoCores: { value: second / 2n },
    });
    expect(stats?.memory).toMatchObject({
      usageBytes: { value: 8n * MiB + 4096n },
      workingSetBytes: { value: 8n * MiB },
      rssBytes: { value: 8n * MiB },
    });
    expect(stats?.memory?.availableBytes).toBeUndefined();
    expect(stats?.writableLayer?.usedBytes?.value).toBe(0n);
    await clock.advance(2000);
    const { stats: later } = await runtime.containerStats({ containerId });
    expect(later?.cpu?.usageCoreNanoSeconds?.value).toBe(3n * second);
    expect(later?.cpu?.usageNanoCores?.value).toBe((5n * second) / 4n);
    expect(later?.writableLayer?.usedBytes?.value).toBe(70_000n);
  });

  it("tells available memory below the limit, also after an update of it", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness, script);
    await runtime.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 10n * MiB } });
    const { stats } = await runtime.containerStats({ containerId });
    expect(stats?.memory?.availableBytes?.value).toBe(2n * MiB);
  });

  it("has no CPU and memory of a container that does not run, and NOT_FOUND of none", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness, script);
    await runtime.stopContainer({ containerId, timeout: 0n });
    const { stats } = await runtime.containerStats({ containerId });
    expect(stats).toMatchObject({ attributes: { id: containerId } });
    expect([stats?.cpu, stats?.memory, stats?.swap]).toEqual([undefined, undefined, undefined]);
    expect(stats?.writableLayer).toBeDefined();
    await failure(runtime.containerStats({ containerId: "f".repeat(64) }), "NOT_FOUND");
    await failure(runtime.containerStats({ containerId: "" }), "INVALID_ARGUMENT");
  });
});

describe("lists of statistics", () => {
  it("take the filters of the other lists, and say the same in parts", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const pods = [await pod(harness, "a"), await pod(harness, "b")] as const;
    const inA = await started(harness, pods[0], "one");
    const inB = [await started(harness, pods[1], "two"), await started(harness, pods[1], "three")] as const;
    const ids = async (filter?: Parameters<typeof runtime.listContainerStats>[0]["filter"]): Promise<string[]> => {
      const { stats } = await runtime.listContainerStats(filter === undefined ? {} : { filter });
      const parts = await readAll(runtime.streamContainerStats(filter === undefined ? {} : { filter }));
      const streamed = parts.flatMap((part) => part.containerStats);
      expect(streamed.map((one) => one.attributes?.id)).toEqual(stats.map((one) => one.attributes?.id));
      return stats.map((one) => one.attributes?.id ?? "").sort();
    };
    expect(await ids()).toEqual([inA, ...inB].sort());
    expect(await ids({ id: inA.slice(0, 10) })).toEqual([inA]);
    expect(await ids({ podSandboxId: pods[1] })).toEqual([...inB].sort());
    expect(await ids({ labelSelector: { name: "two" } })).toEqual([inB[0]]);
    expect(await ids({ labelSelector: { name: "none" } })).toEqual([]);
    expect(await ids({ id: inA, podSandboxId: pods[1] })).toEqual([]);

    const podIds = async (filter?: Parameters<typeof runtime.listPodSandboxStats>[0]["filter"]): Promise<string[]> => {
      const { stats } = await runtime.listPodSandboxStats(filter === undefined ? {} : { filter });
      const parts = await readAll(runtime.streamPodSandboxStats(filter === undefined ? {} : { filter }));
      expect(parts.flatMap((part) => part.podSandboxStats).length).toBe(stats.length);
      return stats.map((one) => one.attributes?.id ?? "").sort();
    };
    expect(await podIds()).toEqual([...pods].sort());
    expect(await podIds({ id: pods[0].slice(0, 20) })).toEqual([pods[0]]);
    expect(await podIds({ labelSelector: { app: "b" } })).toEqual([pods[1]]);
    await runtime.stopPodSandbox({ podSandboxId: pods[0] });
    expect(await podIds()).toEqual([pods[1]]);
  });

  it("are not failed by one container that can't be measured", async () => {
    const harness = await openCore();
    const { runtime, faults } = harness;
    const podSandboxId = await pod(harness, "a");
    const ids = [await started(harness, podSandboxId, "one"), await started(harness, podSandboxId, "two")];
    faults.fail("stats.container", new Error("its cgroup is broken"));
    const { stats } = await runtime.listContainerStats({});
    expect(stats.map((one) => one.attributes?.id).sort()).toEqual(ids.sort());
    expect(stats.filter((one) => one.cpu !== undefined).length).toBe(1);
  });

  it("come in parts that are whole for any number of containers", async () => {
    const harness = await openCore();
    const podSandboxId = await pod(harness, "a");
    for (let index = 0; index < 101; index++) {
      await harness.runtime.createContainer({ podSandboxId, config: containerConfig(`c${index}`) });
    }
    const parts = await readAll(harness.runtime.streamContainerStats({}));
    expect(parts.map((part) => part.containerStats.length)).toEqual([100, 1]);
  });

  it("keep no samples of what was removed", async () => {
    const harness = await openCore();
    const { runtime, core } = harness;
    const podSandboxId = await pod(harness, "a");
    for (let index = 0; index < 24; index++) {
      const containerId = await started(harness, podSandboxId, `c${index}`);
      await runtime.listContainerStats({});
      await runtime.removeContainer({ containerId });
    }
    expect(core.cpuRates.size).toBeLessThan(20);
  });
});

describe("PodSandboxStats", () => {
  it("sums its containers up, with its network, and goes on after one is removed", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const podSandboxId = await pod(harness, "a");
    const ids = [await started(harness, podSandboxId, "one"), await started(harness, podSandboxId, "two")];
    await runtime.createContainer({ podSandboxId, config: containerConfig("never-started") });
    await runtime.podSandboxStats({ podSandboxId });
    await clock.advance(1000);
    const { stats } = await runtime.podSandboxStats({ podSandboxId });
    expect(stats?.attributes).toMatchObject({ id: podSandboxId, metadata: { name: "a" }, annotations: { note: "a" } });
    expect(stats?.linux).toMatchObject({
      cpu: { usageCoreNanoSeconds: { value: second }, usageNanoCores: { value: second } },
      memory: { workingSetBytes: { value: 16n * MiB } },
      process: { processCount: { value: 6n } },
      network: { defaultInterface: { name: "eth0", rxBytes: { value: 20n }, txBytes: { value: 40n } } },
    });
    expect(stats?.linux?.containers.map((one) => one.attributes?.id).sort()).toEqual(ids.sort());
    for (const containerId of ids) await runtime.removeContainer({ containerId });
    const { stats: after } = await runtime.podSandboxStats({ podSandboxId });
    expect(after?.linux?.cpu?.usageCoreNanoSeconds?.value).toBe(second);
    expect(after?.linux?.containers).toEqual([]);
  });

  it("has no network on the node's own, and is refused for what is not READY", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const podSandboxId = await pod(harness, "a", NamespaceMode.NODE);
    expect((await runtime.podSandboxStats({ podSandboxId })).stats?.linux?.network).toBeUndefined();
    await runtime.stopPodSandbox({ podSandboxId });
    await failure(runtime.podSandboxStats({ podSandboxId }), "FAILED_PRECONDITION");
    await failure(runtime.podSandboxStats({ podSandboxId: "f".repeat(64) }), "NOT_FOUND");
  });
});

describe("statistics of an engine that has none", () => {
  it("are UNIMPLEMENTED, whatever is asked for", async () => {
    const { runtime } = await openCore({ over: ({ stats: _stats, ...engine }) => engine });
    await failure(runtime.containerStats({ containerId: "x" }), "UNIMPLEMENTED");
    await failure(runtime.listContainerStats({}), "UNIMPLEMENTED");
    await failure(runtime.podSandboxStats({ podSandboxId: "x" }), "UNIMPLEMENTED");
    await failure(runtime.listPodSandboxStats({}), "UNIMPLEMENTED");
    await failure(readAll(runtime.streamContainerStats({})), "UNIMPLEMENTED");
    await failure(readAll(runtime.streamPodSandboxStats({})), "UNIMPLEMENTED");
  });
});
