import type { PodMetricName, Sample } from "@keelson/runtime-core/ports";
import type { CgroupTexts } from "./cgroup-figures.ts";
import { figuresOfV1, figuresOfV2 } from "./cgroup-figures.ts";
import { namedNumbers, numberOf } from "./cgroup-text.ts";
import { type DiskUse, diskUseOfV1, diskUseOfV2 } from "./disk-use.ts";

/** A cgroup's files beside those that statistics read, each with the v1 controller in whose hierarchy it is. */
export const sampledOfV1: ReadonlyMap<string, string> = new Map([
  ["cpuacct.stat", "cpuacct"],
  ["cpu.stat", "cpu"],
  ["memory.max_usage_in_bytes", "memory"],
  ["memory.failcnt", "memory"],
  ["memory.kmem.usage_in_bytes", "memory"],
  ["memory.oom_control", "memory"],
  ["pids.max", "pids"],
  ["blkio.throttle.io_service_bytes_recursive", "blkio"],
  ["blkio.throttle.io_serviced_recursive", "blkio"],
]);

export const sampledOfV2: readonly string[] = ["memory.peak", "memory.events", "pids.max", "io.stat"];

const second = 1_000_000_000n;
/** USER_HZ, in which v1 counts the time of user and kernel mode; the same on all architectures that Node runs on. */
const ticksPerSecond = 100n;

/** What cAdvisor tells of a container by its cgroup; a sample whose file or controller is not there is absent. */
export function containerSamples(texts: CgroupTexts, version: 1 | 2): readonly Sample[] {
  const figures = version === 1 ? figuresOfV1(texts) : figuresOfV2(texts);
  const own = version === 1 ? ownOfV1(texts) : ownOfV2(texts);
  const { cpu, memory, swap, io } = figures;
  const disks = version === 1 ? diskUseOfV1(texts) : diskUseOfV2(texts.get("io.stat"));
  const pidsMax = texts.get("pids.max");
  return [
    ...one("container_cpu_usage_seconds_total", seconds(cpu?.usageCoreNanoSeconds?.value)),
    ...one("container_memory_usage_bytes", memory?.usageBytes?.value),
    ...one("container_memory_working_set_bytes", memory?.workingSetBytes?.value),
    ...one("container_memory_rss", memory?.rssBytes?.value),
    ...faults("pgfault", memory?.pageFaults?.value),
    ...faults("pgmajfault", memory?.majorPageFaults?.value),
    ...one("container_memory_swap", swap?.swapUsageBytes?.value),
    ...one("container_threads", figures.tasks),
    // "max": as many as there are
    ...one("container_threads_max", pidsMax === undefined ? undefined : (numberOf(pidsMax) ?? 0n)),
    ...own,
    ...one("container_pressure_cpu_waiting_seconds_total", seconds(cpu?.psi?.Some?.Total)),
    ...one("container_pressure_cpu_stalled_seconds_total", seconds(cpu?.psi?.Full?.Total)),
    ...one("container_pressure_memory_waiting_seconds_total", seconds(memory?.psi?.Some?.Total)),
    ...one("container_pressure_memory_stalled_seconds_total", seconds(memory?.psi?.Full?.Total)),
    ...one("container_pressure_io_waiting_seconds_total", seconds(io?.psi?.Some?.Total)),
    ...one("container_pressure_io_stalled_seconds_total", seconds(io?.psi?.Full?.Total)),
    ...disks.flatMap(diskSamples),
  ];
}

function ownOfV1(texts: CgroupTexts): readonly Sample[] {
  const ticks = namedNumbers(texts.get("cpuacct.stat"));
  const quota = namedNumbers(texts.get("cpu.stat"));
  const stat = namedNumbers(texts.get("memory.stat"));
  const ofTicks = (name: string): bigint | undefined => {
    const value = ticks.get(name);
    return value === undefined ? undefined : value / ticksPerSecond;
  };
  return [
    ...one("container_cpu_user_seconds_total", ofTicks("user")),
    ...one("container_cpu_system_seconds_total", ofTicks("system")),
    ...one("container_cpu_cfs_periods_total", quota.get("nr_periods")),
    ...one("container_cpu_cfs_throttled_periods_total", quota.get("nr_throttled")),
    ...one("container_cpu_cfs_throttled_seconds_total", seconds(quota.get("throttled_time"))),
    ...one("container_memory_max_usage_bytes", numberOf(texts.get("memory.max_usage_in_bytes"))),
    ...one("container_memory_cache", stat.get("total_cache")),
    ...one("container_memory_mapped_file", stat.get("total_mapped_file")),
    ...one("container_memory_kernel_usage", numberOf(texts.get("memory.kmem.usage_in_bytes"))),
    ...one("container_memory_total_active_file_bytes", stat.get("total_active_file")),
    ...one("container_memory_total_inactive_file_bytes", stat.get("total_inactive_file")),
    ...one("container_memory_failcnt", numberOf(texts.get("memory.failcnt"))),
    ...one("container_oom_events_total", namedNumbers(texts.get("memory.oom_control")).get("oom_kill")),
  ];
}

function ownOfV2(texts: CgroupTexts): readonly Sample[] {
  const cpu = namedNumbers(texts.get("cpu.stat"));
  const stat = namedNumbers(texts.get("memory.stat"));
  const events = namedNumbers(texts.get("memory.events"));
  const micros = (name: string): bigint | undefined => {
    const value = cpu.get(name);
    return value === undefined ? undefined : value / 1_000_000n;
  };
  return [
    ...one("container_cpu_user_seconds_total", micros("user_usec")),
    ...one("container_cpu_system_seconds_total", micros("system_usec")),
    ...one("container_cpu_cfs_periods_total", cpu.get("nr_periods")),
    ...one("container_cpu_cfs_throttled_periods_total", cpu.get("nr_throttled")),
    ...one("container_cpu_cfs_throttled_seconds_total", micros("throttled_usec")),
    ...one("container_memory_max_usage_bytes", numberOf(texts.get("memory.peak"))),
    ...one("container_memory_cache", stat.get("file")),
    ...one("container_memory_mapped_file", stat.get("file_mapped")),
    ...one("container_memory_kernel_usage", stat.get("kernel")),
    ...one("container_memory_total_active_file_bytes", stat.get("active_file")),
    ...one("container_memory_total_inactive_file_bytes", stat.get("inactive_file")),
    ...one("container_memory_failcnt", events.get("max")),
    ...one("container_oom_events_total", events.get("oom_kill")),
  ];
}

function diskSamples({ device, number, read, written }: DiskUse): readonly Sample[] {
  const [major = "", minor = ""] = number.split(":");
  const usage = (operation: string, value: bigint): Sample => ({
    name: "container_blkio_device_usage_total",
    value,
    labels: [device, major, minor, operation],
  });
  return [
    { name: "container_fs_reads_total", value: read.times, labels: [device] },
    { name: "container_fs_reads_bytes_total", value: read.bytes, labels: [device] },
    { name: "container_fs_writes_total", value: written.times, labels: [device] },
    { name: "container_fs_writes_bytes_total", value: written.bytes, labels: [device] },
    usage("Read", read.bytes),
    usage("Write", written.bytes),
  ];
}

function faults(kind: "pgfault" | "pgmajfault", value: bigint | undefined): readonly Sample[] {
  if (value === undefined) return [];
  return [{ name: "container_memory_failures_total", value, labels: [kind, "hierarchy"] }];
}

function one(name: PodMetricName, value: bigint | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ name, value }];
}

function seconds(nanoseconds: bigint | undefined): bigint | undefined {
  return nanoseconds === undefined ? undefined : nanoseconds / second;
}
