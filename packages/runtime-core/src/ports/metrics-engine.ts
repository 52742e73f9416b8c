import type { MetricDescriptor, PodSandboxMetrics } from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "./records.ts";

/** A READY sandbox with its containers that run. */
export interface RunningPod {
  readonly sandbox: SandboxRecord;
  readonly containers: readonly ContainerRecord[];
}

/** Metrics of pods in Prometheus's form, as the kubelet passes them on instead of cAdvisor's; `podSandboxMetrics` makes them. */
export interface MetricsEngine {
  /** What there is, each name once; the same while the engine runs. */
  descriptors(): readonly MetricDescriptor[];
  /** Best effort: what can't be measured is left out and fails nothing. */
  measure(pods: readonly RunningPod[]): Promise<readonly PodSandboxMetrics[]>;
}
