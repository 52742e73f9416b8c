import { checkId, getContainer } from "../lookup.ts";
import { measureContainers } from "../stats/measure.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const containerStats: RuntimeRpc<"containerStats"> = (core) => async (request, call) => {
  checkId(request.containerId, "container_id");
  const { stats: engine } = core.engine;
  if (engine === undefined) throw notByEngine(call);
  const record = getContainer(core, request.containerId);
  call.stage("measuring", `container ${record.id}`);
  const [stats] = await measureContainers(core, engine, [record]);
  if (stats === undefined) getContainer(core, record.id); // gone meanwhile
  return { stats };
};
