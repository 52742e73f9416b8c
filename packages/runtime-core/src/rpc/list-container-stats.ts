import { measureContainers } from "../stats/measure.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { containersToMeasure } from "./stats-filters.ts";

export const listContainerStats: RuntimeRpc<"listContainerStats"> = (core) => async (request, call) => {
  const { stats: engine } = core.engine;
  if (engine === undefined) throw notByEngine(call);
  call.stage("measuring containers");
  return { stats: [...(await measureContainers(core, engine, containersToMeasure(core, request.filter)))] };
};
