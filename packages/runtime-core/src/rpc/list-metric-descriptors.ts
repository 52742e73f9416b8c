import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const listMetricDescriptors: RuntimeRpc<"listMetricDescriptors"> = (core) => (_request, call) => {
  const { metrics } = core.engine;
  if (metrics === undefined) throw notByEngine(call);
  return { descriptors: [...metrics.descriptors()] };
};
