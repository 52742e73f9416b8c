import { PodSandboxStatsSchema, StreamPodSandboxStatsResponseSchema } from "@keelson/cri-api/v1";
import { measureSandboxes } from "../stats/measure.ts";
import { inBatches } from "./batches.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeStreamRpc } from "./rpc.ts";
import { inGroups, sandboxesToMeasure } from "./stats-filters.ts";

export const streamPodSandboxStats: RuntimeStreamRpc<"streamPodSandboxStats"> = (core) =>
  async function* (request, call) {
    const { stats: engine } = core.engine;
    if (engine === undefined) throw notByEngine(call);
    call.stage("measuring sandboxes");
    for (const group of inGroups(sandboxesToMeasure(core, request.filter))) {
      yield* inBatches({
        part: StreamPodSandboxStatsResponseSchema,
        item: PodSandboxStatsSchema,
        from: await measureSandboxes(core, engine, group),
        toItem: (stats) => stats,
      });
    }
  };
