import { CheckpointContainerRequestSchema } from "@keelson/cri-api/v1";
import { checkId } from "../lookup.ts";
import { checkText } from "../validation/check-text.ts";
import { checkAbsolute } from "./check-absolute.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";
import { millisFromSeconds } from "./seconds.ts";

export const checkpointContainer: RuntimeRpc<"checkpointContainer"> = (core) => async (request, call) => {
  checkText(CheckpointContainerRequestSchema, request, "");
  checkId(request.containerId, "container_id");
  if (request.location !== "") checkAbsolute(request.location, "location");
  const { checkpoints } = core.engine;
  if (checkpoints?.container === undefined) throw notByEngine(call);
  // after the verb: a client that asks what is served names no path
  checkAbsolute(request.location, "location");
  const container = runningContainer(core, request.containerId, "checkpoint");
  call.stage("writing the checkpoint", `of container ${container.id}`);
  await checkpoints.container(container, {
    path: request.location,
    timeoutMs: request.timeout > 0n ? millisFromSeconds(request.timeout) : undefined,
    signal: call.signal,
  });
  return {};
};
