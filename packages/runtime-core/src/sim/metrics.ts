import {
  type Clock,
  describePodMetrics,
  type MetricsEngine,
  type PodMetricName,
  podSandboxMetrics,
  type RunningPod,
  type Sample,
} from "../ports/index.ts";
import { turn } from "./turn.ts";
import type { Life } from "./world.ts";

/** What a script has figures for. */
const names: readonly PodMetricName[] = [
  "container_cpu_usage_seconds_total",
  "container_memory_usage_bytes",
  "container_memory_working_set_bytes",
  "container_memory_rss",
  "container_processes",
  "container_fs_usage_bytes",
  "container_network_receive_bytes_total",
  "container_network_transmit_bytes_total",
  "container_start_time_seconds",
  "container_last_seen",
];

const second = 1_000_000_000n;

/** Metrics by the scripts of containers: the same script and time give the same. */
export function createMetrics({ life, clock }: { readonly life: Life; readonly clock: Clock }): MetricsEngine {
  const ofContainer = (id: string, now: bigint): readonly Sample[] => {
    const process = life.process(id);
    if (process === undefined || process.exit !== undefined) return [];
    const { cpuNs, memoryBytes, cacheBytes, processes, writtenBytes } = process.usage();
    return [
      { name: "container_cpu_usage_seconds_total", value: cpuNs / second },
      { name: "container_memory_usage_bytes", value: BigInt(memoryBytes + cacheBytes) },
      { name: "container_memory_working_set_bytes", value: BigInt(memoryBytes) },
      { name: "container_memory_rss", value: BigInt(memoryBytes) },
      { name: "container_processes", value: BigInt(processes) },
      { name: "container_fs_usage_bytes", value: BigInt(writtenBytes), labels: ["/simulated"] },
      { name: "container_start_time_seconds", value: process.startedAtNs / second },
      { name: "container_last_seen", value: now / second },
    ];
  };
  const ofPod = ({ sandbox, containers }: RunningPod): readonly Sample[] => {
    if (life.held("address", sandbox.id) === undefined) return [];
    const usages = containers.map(({ id }) => life.process(id)?.usage());
    const sum = (field: "receivedBytes" | "sentBytes"): bigint =>
      usages.reduce((total, usage) => total + BigInt(usage?.[field] ?? 0), 0n);
    return [
      { name: "container_network_receive_bytes_total", value: sum("receivedBytes"), labels: ["eth0"] },
      { name: "container_network_transmit_bytes_total", value: sum("sentBytes"), labels: ["eth0"] },
    ];
  };
  return {
    descriptors: () => describePodMetrics(names),
    async measure(pods) {
      await turn();
      const now = clock.now();
      return pods.map((pod) => {
        const containers = pod.containers.map((container) => ({ container, samples: ofContainer(container.id, now) }));
        return podSandboxMetrics({ sandbox: pod.sandbox, samples: ofPod(pod), containers }, now);
      });
    },
  };
}
