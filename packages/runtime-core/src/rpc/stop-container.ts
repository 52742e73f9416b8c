import { findContainer } from "../lookup.ts";
import { stopContainer as stop } from "../operations/stop-container.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { millisFromSeconds } from "./seconds.ts";

export const stopContainer: RuntimeRpc<"stopContainer"> = (core) => async (request, call) => {
  const container = findContainer(core, request.containerId);
  if (container === undefined) return {};
  await stop(core, container.id, millisFromSeconds(request.timeout), call);
  call.stage("waiting until the container's end is on disk");
  await core.store.flush();
  return {};
};
