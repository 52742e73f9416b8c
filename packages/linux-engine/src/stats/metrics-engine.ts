import { stat, statfs } from "node:fs/promises";
import { relative } from "node:path";
import {
  type ContainerRecord,
  describePodMetrics,
  type MetricsEngine,
  podMetricNames,
  podSandboxMetrics,
  type Sample,
} from "@keelson/runtime-core/ports";
import { cgroupFolder } from "../oci/container-cgroup.ts";
import { containerSamples, sampledOfV1, sampledOfV2 } from "./container-samples.ts";
import { DiskNames, deviceNumber } from "./disk-names.ts";
import { readCgroup } from "./measure-cgroup.ts";
import { measuringLanes } from "./measuring-lanes.ts";
import { networkSamples } from "./network-figures.ts";
import { processSamples } from "./process-samples.ts";
import { readPodNetwork } from "./read-pod-network.ts";
import type { StatsEngineOptions } from "./stats-engine.ts";

export interface MetricsEngineOptions extends StatsEngineOptions {
  /** The folder of writable layers. */
  readonly snapshotsRoot: string;
}

/** What cAdvisor would tell of pods and containers, by cgroups, /proc and the disk usage of writable layers. */
export function createMetricsEngine(options: MetricsEngineOptions): MetricsEngine {
  const { layout, log, snapshotsRoot } = options;
  const disks = new DiskNames();

  const ofCgroup = async (container: ContainerRecord): Promise<readonly Sample[]> => {
    const running = options.running.get(container.id);
    if (running === undefined) return [];
    const { cgroup, init } = running.facts;
    const more = { v1: sampledOfV1, v2: sampledOfV2 };
    const texts = await readCgroup(layout, relative(cgroupFolder(layout, "/"), cgroup), more);
    const samples = await Promise.all(containerSamples(texts, layout.version).map((sample) => withDiskName(sample)));
    return [...samples, ...(await processSamples(cgroup, init.pid))];
  };

  /** Where a label is the number of a disk, its name takes its place. */
  const withDiskName = async (sample: Sample): Promise<Sample> => {
    const [device = "", ...rest] = sample.labels ?? [];
    return /^\d+:\d+$/.test(device) ? { ...sample, labels: [await disks.nameOf(device), ...rest] } : sample;
  };

  return {
    descriptors: () => describePodMetrics(podMetricNames),
    async measure(pods) {
      const containers = pods.flatMap((pod) => pod.containers);
      const each = measuringLanes(log, "metrics");
      const [layers, disk, used, networks] = await Promise.all([
        options.writableLayers.usage(containers.map(({ id }) => id)),
        diskOf(snapshotsRoot, disks),
        each("container", containers, ofCgroup),
        each(
          "sandbox",
          pods.map(({ sandbox }) => sandbox),
          async (sandbox) => {
            const text = await readPodNetwork(sandbox, options.sandboxParts(sandbox), options);
            return text === undefined ? [] : networkSamples(text);
          },
        ),
      ]);
      const now = BigInt(Date.now()) * 1_000_000n;
      return pods.map((pod) =>
        podSandboxMetrics(
          {
            sandbox: pod.sandbox,
            samples: networks.get(pod.sandbox.id) ?? [],
            containers: pod.containers.map((container) => ({
              container,
              samples: [
                ...(used.get(container.id) ?? []),
                ...fileSystemSamples(disk, layers.get(container.id)?.usedBytes?.value),
                ...specSamples(container),
                { name: "container_last_seen", value: now / second },
                ...startTime(container),
              ],
            })),
          },
          now,
        ),
      );
    },
  };
}

const second = 1_000_000_000n;

interface Disk {
  readonly device: string;
  readonly bytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}

async function diskOf(folder: string, disks: DiskNames): Promise<Disk> {
  const [{ dev }, found] = await Promise.all([stat(folder, { bigint: true }), statfs(folder, { bigint: true })]);
  return {
    device: await disks.nameOf(deviceNumber(dev)),
    bytes: found.blocks * found.bsize,
    inodes: found.files,
    freeInodes: found.ffree,
  };
}

function fileSystemSamples({ device, ...disk }: Disk, used: bigint | undefined): readonly Sample[] {
  const labels = [device];
  return [
    ...(used === undefined ? [] : [{ name: "container_fs_usage_bytes" as const, value: used, labels }]),
    { name: "container_fs_limit_bytes", value: disk.bytes, labels },
    { name: "container_fs_inodes_total", value: disk.inodes, labels },
    { name: "container_fs_inodes_free", value: disk.freeInodes, labels },
  ];
}

/** As cAdvisor tells them: 0 is no limit, and what is not set is the kernel's own. */
function specSamples({ config }: ContainerRecord): readonly Sample[] {
  const limits = config.linux?.resources;
  const value = (limit: bigint | undefined): bigint => (limit === undefined || limit < 0n ? 0n : limit);
  return [
    { name: "container_spec_cpu_period", value: value(limits?.cpuPeriod) || 100_000n },
    { name: "container_spec_cpu_quota", value: value(limits?.cpuQuota) },
    { name: "container_spec_cpu_shares", value: value(limits?.cpuShares) || 1024n },
    { name: "container_spec_memory_limit_bytes", value: value(limits?.memoryLimitInBytes) },
    { name: "container_spec_memory_reservation_limit_bytes", value: 0n },
    { name: "container_spec_memory_swap_limit_bytes", value: value(limits?.memorySwapLimitInBytes) },
  ];
}

function startTime({ started }: ContainerRecord): readonly Sample[] {
  if (started === undefined) return [];
  return [{ name: "container_start_time_seconds", value: started.startedAtNs / second }];
}
