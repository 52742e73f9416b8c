import { invalidArgument } from "@keelson/cri-api/errors";
import { ExecRequestSchema } from "@keelson/cri-api/v1";
import { checkId } from "../lookup.ts";
import { checkText } from "../validation/check-text.ts";
import { checkStreams } from "./check-streams.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";

export const exec: RuntimeRpc<"exec"> = (core) => async (request, call) => {
  checkText(ExecRequestSchema, request, "");
  checkId(request.containerId, "container_id");
  if (request.cmd.length === 0) throw invalidArgument("cmd is empty", { hint: "name a command" });
  checkStreams(request);
  const { streams } = core.engine;
  if (streams?.exec === undefined) throw notByEngine(call);
  return { url: await streams.exec(runningContainer(core, request.containerId, "exec in"), request) };
};
