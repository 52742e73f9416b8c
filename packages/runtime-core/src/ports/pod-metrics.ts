import { create } from "@bufbuild/protobuf";
import {
  type Metric,
  type MetricDescriptor,
  MetricDescriptorSchema,
  MetricSchema,
  MetricType,
  type PodSandboxMetrics,
  PodSandboxMetricsSchema,
} from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "./records.ts";

/** A figure of a pod or container under the name that cAdvisor has for it. */
export interface Sample {
  readonly name: PodMetricName;
  /** In the unit that the name says. */
  readonly value: bigint;
  /** Values of the labels that the metric has beside {@link podLabels}, in their order. */
  readonly labels?: readonly string[];
}

export interface MeasuredPod {
  readonly sandbox: SandboxRecord;
  readonly samples: readonly Sample[];
  readonly containers: readonly { readonly container: ContainerRecord; readonly samples: readonly Sample[] }[];
}

interface Kind {
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** Beside {@link podLabels}. */
  readonly labels?: readonly string[];
}

/** Labels of every metric; `container` and `image` are "" for the pod as a whole. As containerd has them. */
export const podLabels: readonly string[] = ["pod", "namespace", "container", "id", "image"];

/** What can be told of pods and containers, by cAdvisor's names, which the kubelet passes on (KEP-2371). */
const kinds = {
  container_cpu_usage_seconds_total: { type: "counter", help: "CPU time used, in seconds." },
  container_cpu_user_seconds_total: { type: "counter", help: "CPU time used in user mode, in seconds." },
  container_cpu_system_seconds_total: { type: "counter", help: "CPU time used in the kernel, in seconds." },
  container_cpu_cfs_periods_total: { type: "counter", help: "Periods of the CPU quota that have passed." },
  container_cpu_cfs_throttled_periods_total: {
    type: "counter",
    help: "Periods of the CPU quota in which it was used up.",
  },
  container_cpu_cfs_throttled_seconds_total: {
    type: "counter",
    help: "Time for which the CPU quota kept it waiting, in seconds.",
  },
  container_memory_usage_bytes: { type: "gauge", help: "Memory used now, page cache and all, in bytes." },
  container_memory_working_set_bytes: {
    type: "gauge",
    help: "Memory less the page cache that was not used lately, in bytes.",
  },
  container_memory_max_usage_bytes: { type: "gauge", help: "Most memory used so far, in bytes." },
  container_memory_rss: { type: "gauge", help: "Anonymous memory, in bytes." },
  container_memory_cache: { type: "gauge", help: "Page cache, in bytes." },
  container_memory_mapped_file: { type: "gauge", help: "Files mapped into memory, in bytes." },
  container_memory_kernel_usage: { type: "gauge", help: "Memory that the kernel uses for it, in bytes." },
  container_memory_swap: { type: "gauge", help: "Swap used now, in bytes." },
  container_memory_total_active_file_bytes: { type: "gauge", help: "Page cache that was used lately, in bytes." },
  container_memory_total_inactive_file_bytes: { type: "gauge", help: "Page cache that was not used lately, in bytes." },
  container_memory_failcnt: { type: "counter", help: "Times that the memory limit was reached." },
  container_memory_failures_total: {
    type: "counter",
    help: "Page faults, by their kind.",
    labels: ["failure_type", "scope"],
  },
  container_oom_events_total: { type: "counter", help: "Processes that the kernel killed for want of memory." },
  container_pressure_cpu_waiting_seconds_total: {
    type: "counter",
    help: "Time in which some task waited for CPU, in seconds.",
  },
  container_pressure_cpu_stalled_seconds_total: {
    type: "counter",
    help: "Time in which all tasks waited for CPU, in seconds.",
  },
  container_pressure_memory_waiting_seconds_total: {
    type: "counter",
    help: "Time in which some task waited for memory, in seconds.",
  },
  container_pressure_memory_stalled_seconds_total: {
    type: "counter",
    help: "Time in which all tasks waited for memory, in seconds.",
  },
  container_pressure_io_waiting_seconds_total: {
    type: "counter",
    help: "Time in which some task waited for disks, in seconds.",
  },
  container_pressure_io_stalled_seconds_total: {
    type: "counter",
    help: "Time in which all tasks waited for disks, in seconds.",
  },
  container_processes: { type: "gauge", help: "Processes now." },
  container_threads: { type: "gauge", help: "Threads now." },
  container_threads_max: { type: "gauge", help: "Most threads that it may have; 0: any number." },
  container_file_descriptors: { type: "gauge", help: "Open file descriptors now." },
  container_sockets: { type: "gauge", help: "Open sockets now." },
  container_ulimits_soft: { type: "gauge", help: "Soft limits of its first process.", labels: ["ulimit"] },
  container_fs_usage_bytes: { type: "gauge", help: "What its writable layer takes, in bytes.", labels: ["device"] },
  container_fs_limit_bytes: {
    type: "gauge",
    help: "Size of the file system with its writable layer, in bytes.",
    labels: ["device"],
  },
  container_fs_inodes_total: {
    type: "gauge",
    help: "Inodes of the file system with its writable layer.",
    labels: ["device"],
  },
  container_fs_inodes_free: {
    type: "gauge",
    help: "Free inodes of the file system with its writable layer.",
    labels: ["device"],
  },
  container_fs_reads_total: { type: "counter", help: "Reads from a disk.", labels: ["device"] },
  container_fs_reads_bytes_total: { type: "counter", help: "Bytes read from a disk.", labels: ["device"] },
  container_fs_writes_total: { type: "counter", help: "Writes to a disk.", labels: ["device"] },
  container_fs_writes_bytes_total: { type: "counter", help: "Bytes written to a disk.", labels: ["device"] },
  container_blkio_device_usage_total: {
    type: "counter",
    help: "Bytes read from and written to a disk.",
    labels: ["device", "major", "minor", "operation"],
  },
  container_network_receive_bytes_total: { type: "counter", help: "Bytes received.", labels: ["interface"] },
  container_network_receive_packets_total: { type: "counter", help: "Packets received.", labels: ["interface"] },
  container_network_receive_packets_dropped_total: {
    type: "counter",
    help: "Packets dropped on the way in.",
    labels: ["interface"],
  },
  container_network_receive_errors_total: { type: "counter", help: "Errors on the way in.", labels: ["interface"] },
  container_network_transmit_bytes_total: { type: "counter", help: "Bytes sent.", labels: ["interface"] },
  container_network_transmit_packets_total: { type: "counter", help: "Packets sent.", labels: ["interface"] },
  container_network_transmit_packets_dropped_total: {
    type: "counter",
    help: "Packets dropped on the way out.",
    labels: ["interface"],
  },
  container_network_transmit_errors_total: { type: "counter", help: "Errors on the way out.", labels: ["interface"] },
  container_last_seen: { type: "gauge", help: "When it was measured, in seconds since 1970." },
  container_start_time_seconds: { type: "gauge", help: "When it was started, in seconds since 1970." },
  container_spec_cpu_period: { type: "gauge", help: "Period of its CPU quota, in microseconds." },
  container_spec_cpu_quota: { type: "gauge", help: "CPU time that it may use in a period, in microseconds; 0: any." },
  container_spec_cpu_shares: { type: "gauge", help: "Its weight against others when CPUs are short." },
  container_spec_memory_limit_bytes: { type: "gauge", help: "Its memory limit, in bytes; 0: none." },
  container_spec_memory_reservation_limit_bytes: {
    type: "gauge",
    help: "Memory that it is left when memory is short, in bytes.",
  },
  container_spec_memory_swap_limit_bytes: {
    type: "gauge",
    help: "Its limit of memory and swap together, in bytes; 0: none.",
  },
} as const;

export type PodMetricName = keyof typeof kinds;

export const podMetricNames: readonly PodMetricName[] = Object.keys(kinds) as PodMetricName[];

/** What ListMetricDescriptors answers for an engine that tells these. */
export function describePodMetrics(names: readonly PodMetricName[]): readonly MetricDescriptor[] {
  return names.map((name) => {
    const { help, labels = [] }: Kind = kinds[name];
    return create(MetricDescriptorSchema, { name, help, labelKeys: [...podLabels, ...labels] });
  });
}

/** Samples as ListPodSandboxMetrics tells them. @param timestamp when they were taken, in nanoseconds since 1970 */
export function podSandboxMetrics(pod: MeasuredPod, timestamp: bigint): PodSandboxMetrics {
  const { id, config } = pod.sandbox;
  const { name = "", namespace = "" } = config.metadata ?? {};
  const toMetric = (sample: Sample, base: readonly string[]): Metric =>
    create(MetricSchema, {
      name: sample.name,
      timestamp,
      metricType: kinds[sample.name].type === "counter" ? MetricType.COUNTER : MetricType.GAUGE,
      labelValues: [...base, ...(sample.labels ?? [])],
      value: { value: sample.value },
    });
  return create(PodSandboxMetricsSchema, {
    podSandboxId: id,
    metrics: pod.samples.map((sample) => toMetric(sample, [name, namespace, "", id, ""])),
    containerMetrics: pod.containers.map(({ container, samples }) => {
      const { metadata, image } = container.config;
      const named = image?.userSpecifiedImage === "" ? image.image : image?.userSpecifiedImage;
      const base = [name, namespace, metadata?.name ?? "", container.id, named ?? ""];
      return { containerId: container.id, metrics: samples.map((sample) => toMetric(sample, base)) };
    }),
  });
}
