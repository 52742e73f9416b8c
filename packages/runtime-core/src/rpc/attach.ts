import { AttachRequestSchema } from "@keelson/cri-api/v1";
import { checkId } from "../lookup.ts";
import { checkText } from "../validation/check-text.ts";
import { checkStreams } from "./check-streams.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";

export const attach: RuntimeRpc<"attach"> = (core) => async (request, call) => {
  checkText(AttachRequestSchema, request, "");
  checkId(request.containerId, "container_id");
  checkStreams(request);
  const { streams } = core.engine;
  if (streams?.attach === undefined) throw notByEngine(call);
  return { url: await streams.attach(runningContainer(core, request.containerId, "attach to"), request) };
};
