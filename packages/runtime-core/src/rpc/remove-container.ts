import { waitFor } from "../joins/work.ts";
import { findContainer } from "../lookup.ts";
import { removeContainer as remove } from "../operations/remove-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const removeContainer: RuntimeRpc<"removeContainer"> = (core) => async (request, call) => {
  const container = findContainer(core, request.containerId);
  if (container !== undefined) await waitFor(remove(core, container.id), call);
  return {};
};
