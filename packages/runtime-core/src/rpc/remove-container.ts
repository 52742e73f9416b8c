import { waitFor } from "../joins/work.ts";
import { findContainer } from "../lookup.ts";
import { removeContainer as remove } from "../operations/remove-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const removeContainer: RuntimeRpc<"removeContainer"> = (core) => async (request, call) => {
  const container = findContainer(core, request.containerId);
  if (container !== undefined) {
    await waitFor(remove(core, container.id), call);
    return {};
  }
  // it may be gone for this moment only: an earlier removal has failed, or waits, as it becomes durable
  call.stage("waiting until all changes are on disk");
  await core.store.flush();
  return {};
};
