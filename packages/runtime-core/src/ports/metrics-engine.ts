import type { MetricDescriptor, PodSandboxMetrics } from "@keelson/cri-api/v1";
import type { SandboxRecord } from "./records.ts";

/** Metrics of pods in Prometheus's form, as the kubelet passes them on instead of cAdvisor's. */
export interface MetricsEngine {
  /** What there is, each name once; the same while the engine runs. */
  descriptors(): readonly MetricDescriptor[];
  /** Best effort: what can't be measured is left out and fails nothing. */
  measure(sandboxes: readonly SandboxRecord[]): Promise<readonly PodSandboxMetrics[]>;
}
