import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ContainerStats, NamespaceMode } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { cpuTimeOf, memoryOf } from "./harness/cgroup-files.ts";
import { logFolder, logLines, type Pod, runPod, startContainer } from "./harness/pods.ts";
import { startReadyPod } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

const MiB = 1024n * 1024n;
const second = 1_000_000_000n;

describe.skipIf(linuxGate.skip)("statistics beside what the kernel shows", { timeout: 60_000 }, () => {
  let node: TestNode;
  let image: string;
  let cri: CriConnection;
  let pod: Pod;
  beforeAll(async () => {
    ({ node, image, cri, pod } = await startReadyPod());
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  const pidOf = async (containerId: string): Promise<number> => {
    const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
    return (JSON.parse(info.info ?? "{}") as { readonly pid: number }).pid;
  };
  const statsOf = async (containerId: string): Promise<ContainerStats> => {
    const { stats } = await cri.runtime.containerStats({ containerId });
    if (stats === undefined) throw new Error("no stats");
    return stats;
  };
  const upper = (containerId: string): string => join(node.root, "snapshots", "containers", containerId, "fs");
  const read = async (containerId: string, file: string): Promise<string> => {
    const { stdout } = await cri.runtime.execSync({ containerId, cmd: ["cat", file], timeout: 10n });
    return Buffer.from(stdout).toString();
  };
  const namesIn = async (containerId: string, folder: string): Promise<readonly string[]> => {
    const { stdout } = await cri.runtime.execSync({ containerId, cmd: ["ls", folder], timeout: 10n });
    return Buffer.from(stdout).toString().trim().split("\n");
  };
  /** Waits until a container has said that it is ready. */
  const ready = async (containerId: string): Promise<void> => {
    const { status } = await cri.runtime.containerStatus({ containerId });
    const deadline = Date.now() + 20_000;
    while (!(await logLines(status?.logPath ?? "")).includes("ready")) {
      if (Date.now() > deadline) throw new Error(`container ${containerId} is not ready`);
      await delay(20);
    }
  };

  it("CPU time lies between two looks at the cgroup, and the rate is the one that the quota allows", async () => {
    const resources = { cpuPeriod: 100_000n, cpuQuota: 20_000n };
    const id = await startContainer(cri, pod, { name: "burn", image, script: "while :; do :; done", resources });
    const pid = await pidOf(id);
    const first = await statsOf(id);
    expect(first.cpu?.usageNanoCores).toBeUndefined();
    await delay(1500); // what is measured is time
    const before = await cpuTimeOf(pid);
    const { cpu } = await statsOf(id);
    const after = await cpuTimeOf(pid);
    const used = cpu?.usageCoreNanoSeconds?.value ?? 0n;
    expect(used).toBeGreaterThanOrEqual(before);
    expect(used).toBeLessThanOrEqual(after);
    const rate = cpu?.usageNanoCores?.value ?? 0n;
    expect(rate).toBeGreaterThan(second / 20n);
    expect(rate).toBeLessThan((second * 3n) / 10n);
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("memory is the cgroup's, the working set without the cache that was not used lately", async () => {
    const script =
      "x=$(head -c 16777216 /dev/zero | tr '\\0' a); head -c 33554432 /dev/zero > /file; sync; echo ready; sleep 3600; :";
    const id = await startContainer(cri, pod, {
      name: "hold",
      image,
      script,
      resources: { memoryLimitInBytes: 128n * MiB },
    });
    await ready(id);
    const pid = await pidOf(id);
    await expect
      .poll(async () => {
        const before = await memoryOf(pid);
        const { memory } = await statsOf(id);
        const after = await memoryOf(pid);
        // the kernel counts in lumps: only two equal looks say what stood between them
        if (before.usage !== after.usage || before.inactiveFile !== after.inactiveFile) return undefined;
        return (
          memory?.usageBytes?.value === before.usage &&
          memory.workingSetBytes?.value === before.usage - before.inactiveFile &&
          memory.availableBytes?.value === 128n * MiB - (before.usage - before.inactiveFile) &&
          memory.rssBytes?.value === before.anonymous
        );
      })
      .toBe(true);
    const { memory, writableLayer } = await statsOf(id);
    expect(memory?.rssBytes?.value).toBeGreaterThan(16n * MiB);
    expect(memory?.rssBytes?.value).toBeLessThan(40n * MiB);
    expect(memory?.pageFaults?.value).toBeGreaterThan(4096n);
    expect(memory?.majorPageFaults?.value).toBeLessThan(memory?.pageFaults?.value ?? 0n);
    expect(writableLayer?.usedBytes?.value).toBeGreaterThan(0n);
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("the writable layer is what was written, in bytes and inodes, also after the end", async () => {
    const script = "mkdir /d; head -c 8388608 /dev/zero > /d/a; : > /d/b; sync; echo ready; sleep 3600";
    const id = await startContainer(cri, pod, { name: "write", image, script });
    await ready(id);
    const { writableLayer } = await statsOf(id);
    expect(writableLayer?.usedBytes?.value).toBeGreaterThanOrEqual(8n * MiB);
    expect(writableLayer?.usedBytes?.value).toBeLessThan(8n * MiB + 64n * 1024n);
    const written = await Promise.all(
      // the files of the test are among the targets of mounts that the OCI runtime has made
      ["", ...(await readdir(upper(id), { recursive: true }))].map((name) => lstat(join(upper(id), name))),
    );
    expect(written.length).toBeGreaterThanOrEqual(4);
    expect(writableLayer?.inodesUsed?.value).toBe(BigInt(written.length));
    expect(writableLayer?.usedBytes?.value).toBe(BigInt(written.reduce((sum, one) => sum + one.blocks * 512, 0)));
    const { imageFilesystems } = await cri.images.imageFsInfo({});
    expect(writableLayer?.fsId?.mountpoint).toBe(imageFilesystems[0]?.fsId?.mountpoint);
    await cri.runtime.stopContainer({ containerId: id, timeout: 0n });
    const ended = await statsOf(id);
    expect(ended).toMatchObject({ attributes: { id }, writableLayer: { usedBytes: writableLayer?.usedBytes } });
    expect([ended.cpu, ended.memory]).toEqual([undefined, undefined]);
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("a pod's are those of its cgroup, its tasks, and its network as it is seen from inside", async () => {
    const own = await runPod(cri, { logDirectory: logFolder(node.folder) });
    const script = "sleep 3600 & sleep 3600 & echo ready; exec sleep 3600";
    const ids = [
      await startContainer(cri, own, { name: "one", image, script }),
      await startContainer(cri, own, { name: "two", image, script }),
    ];
    await Promise.all(ids.map(ready));
    const counters = async (): Promise<readonly bigint[]> => {
      const line = (await read(ids[0] ?? "", "/proc/net/dev")).split("\n").find((one) => one.includes("eth0:"));
      const numbers = line?.split(":")[1]?.trim().split(/\s+/) ?? [];
      return [BigInt(numbers[0] ?? -1), BigInt(numbers[8] ?? -1)];
    };
    await cri.runtime
      .execSync({ containerId: ids[0] ?? "", cmd: ["wget", "-q", "-T1", "http://10.255.255.1/"], timeout: 1n })
      .catch(() => {});
    const before = await counters();
    const { stats } = await cri.runtime.podSandboxStats(own);
    const after = await counters();
    const { network, process, cpu, memory, containers = [] } = stats?.linux ?? {};
    expect(network?.defaultInterface?.name).toBe("eth0");
    expect(network?.interfaces).toEqual([]);
    for (const [index, counter] of [network?.defaultInterface?.rxBytes, network?.defaultInterface?.txBytes].entries()) {
      expect(counter?.value).toBeGreaterThanOrEqual(before[index] ?? 0n);
      expect(counter?.value).toBeLessThanOrEqual(after[index] ?? 0n);
    }
    expect(after[1]).toBeGreaterThan(0n);
    expect(process?.processCount?.value).toBe(6n);
    expect(containers.map((one) => one.attributes?.id).sort()).toEqual([...ids].sort());
    const sum = containers.reduce((total, one) => total + (one.cpu?.usageCoreNanoSeconds?.value ?? 0n), 0n);
    expect(cpu?.usageCoreNanoSeconds?.value).toBeGreaterThanOrEqual(sum);
    expect(memory?.workingSetBytes?.value).toBeGreaterThan(0n);
    await cri.runtime.stopPodSandbox(own);
    expect((await cri.runtime.listPodSandboxStats({ filter: { id: own.podSandboxId } })).stats).toEqual([]);
    await cri.runtime.removePodSandbox(own);
  });

  it("metrics count processes, what they have open, and limits, as the kernel does", async () => {
    const script = "exec 7<>/dev/null; nc -l -p 4000 & sleep 3600 & echo ready; exec sleep 3600";
    const resources = { cpuPeriod: 50_000n, cpuQuota: 20_000n, cpuShares: 512n, memoryLimitInBytes: 64n * MiB };
    const id = await startContainer(cri, pod, { name: "counted", image, script, resources });
    await ready(id);
    const { descriptors } = await cri.runtime.listMetricDescriptors({});
    const extra = (name: string) => (descriptors.find((one) => one.name === name)?.labelKeys.length ?? 0) - 5;
    const told = async (): Promise<Readonly<Record<string, bigint | undefined>>> => {
      const { podMetrics } = await cri.runtime.listPodSandboxMetrics({});
      const own = podMetrics.flatMap((one) => one.containerMetrics).find((one) => one.containerId === id);
      return Object.fromEntries(
        (own?.metrics ?? []).map(({ name, labelValues, value }) => {
          return [[name, ...labelValues.slice(labelValues.length - extra(name))].join(" "), value?.value];
        }),
      );
    };
    // the shell's children begin in their own time
    await expect.poll(async () => (await told()).container_sockets, { timeout: 10_000 }).toBe(1n);
    const [, files] = /^Max open files +(\d+)/m.exec(await read(id, "/proc/1/limits")) ?? [];
    const pids = (await read(id, "/proc/1/task/1/children")).trim().split(" ");
    const opened = await Promise.all(["1", ...pids].map((pid) => namesIn(id, `/proc/${pid}/fd`)));
    expect(await told()).toMatchObject({
      container_processes: 3n,
      container_threads: 3n,
      container_file_descriptors: BigInt(opened.flat().length),
      "container_ulimits_soft max_open_files": BigInt(files ?? 0),
      container_spec_cpu_period: 50_000n,
      container_spec_cpu_quota: 20_000n,
      container_spec_cpu_shares: 512n,
      container_spec_memory_limit_bytes: 64n * MiB,
      container_oom_events_total: 0n,
    });
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("a pod on the node's network has none of its own", async () => {
    const own = await runPod(cri, { logDirectory: logFolder(node.folder), network: NamespaceMode.NODE });
    const { stats } = await cri.runtime.podSandboxStats(own);
    expect(stats?.linux?.network).toBeUndefined();
    expect(stats?.linux?.cpu?.timestamp).toBeGreaterThan(0n);
    await cri.runtime.removePodSandbox(own);
  });

  it("a list tells of all, also while one is removed, and after a restart of keelsond", async () => {
    const ids = await Promise.all(
      ["a", "b", "c"].map((name) => startContainer(cri, pod, { name, image, extra: { labels: { name } } })),
    );
    const listed = async (labelSelector: Record<string, string> = {}): Promise<readonly (string | undefined)[]> => {
      const filter = { podSandboxId: pod.podSandboxId, labelSelector };
      const { stats } = await cri.runtime.listContainerStats({ filter });
      return stats.filter((one) => one.cpu !== undefined).map((one) => one.attributes?.id);
    };
    expect((await listed()).toSorted()).toEqual(ids.toSorted());
    expect(await listed({ name: "b" })).toEqual([ids[1]]);
    const [during] = await Promise.all([listed(), cri.runtime.removeContainer({ containerId: ids[0] ?? "" })]);
    expect(during).toEqual(expect.arrayContaining([ids[1], ids[2]]));
    cri.close();
    await node.stop("SIGKILL");
    await node.start();
    cri = await node.connect();
    expect((await listed()).toSorted()).toEqual(ids.slice(1).toSorted());
  });
});
