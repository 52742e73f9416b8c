import { measureSandboxes } from "../stats/measure.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { sandboxesToMeasure } from "./stats-filters.ts";

export const listPodSandboxStats: RuntimeRpc<"listPodSandboxStats"> = (core) => async (request, call) => {
  const { stats: engine } = core.engine;
  if (engine === undefined) throw notByEngine(call);
  call.stage("measuring sandboxes");
  return { stats: [...(await measureSandboxes(core, engine, sandboxesToMeasure(core, request.filter)))] };
};
