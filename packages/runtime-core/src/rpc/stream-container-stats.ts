import { ContainerStatsSchema, StreamContainerStatsResponseSchema } from "@keelson/cri-api/v1";
import { measureContainers } from "../stats/measure.ts";
import { inBatches } from "./batches.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeStreamRpc } from "./rpc.ts";
import { containersToMeasure, inGroups } from "./stats-filters.ts";

export const streamContainerStats: RuntimeStreamRpc<"streamContainerStats"> = (core) =>
  async function* (request, call) {
    const { stats: engine } = core.engine;
    if (engine === undefined) throw notByEngine(call);
    call.stage("measuring containers");
    for (const group of inGroups(containersToMeasure(core, request.filter))) {
      yield* inBatches({
        part: StreamContainerStatsResponseSchema,
        item: ContainerStatsSchema,
        from: await measureContainers(core, engine, group),
        toItem: (stats) => stats,
      });
    }
  };
