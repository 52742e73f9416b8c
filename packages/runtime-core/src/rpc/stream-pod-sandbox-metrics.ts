import { PodSandboxMetricsSchema, StreamPodSandboxMetricsResponseSchema } from "@keelson/cri-api/v1";
import { inBatches } from "./batches.ts";
import { measuredSandboxes } from "./list-pod-sandbox-metrics.ts";
import type { RuntimeStreamRpc } from "./rpc.ts";

export const streamPodSandboxMetrics: RuntimeStreamRpc<"streamPodSandboxMetrics"> = (core) =>
  async function* (_request, call) {
    yield* inBatches({
      part: StreamPodSandboxMetricsResponseSchema,
      item: PodSandboxMetricsSchema,
      from: await measuredSandboxes(core, call),
      toItem: (metrics) => metrics,
    });
  };
