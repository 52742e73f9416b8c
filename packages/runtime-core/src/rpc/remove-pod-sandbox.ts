import { waitFor } from "../joins/work.ts";
import { findSandbox } from "../lookup.ts";
import { removeSandbox } from "../operations/remove-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const removePodSandbox: RuntimeRpc<"removePodSandbox"> = (core) => async (request, call) => {
  const sandbox = findSandbox(core, request.podSandboxId);
  if (sandbox !== undefined) {
    await waitFor(removeSandbox(core, sandbox.id), call);
    return {};
  }
  // it may be gone for this moment only: an earlier removal has failed, or waits, as it becomes durable
  call.stage("waiting until all changes are on disk");
  await core.store.flush();
  return {};
};
