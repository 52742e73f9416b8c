import { waitFor } from "../joins/work.ts";
import { findSandbox } from "../lookup.ts";
import { stopSandbox } from "../operations/stop-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const stopPodSandbox: RuntimeRpc<"stopPodSandbox"> = (core) => async (request, call) => {
  const sandbox = findSandbox(core, request.podSandboxId);
  if (sandbox !== undefined) {
    await waitFor(stopSandbox(core, sandbox.id), call);
    return {};
  }
  // it may be gone for this moment only: an earlier removal has failed, or waits, as it becomes durable
  call.stage("waiting until all changes are on disk");
  await core.store.flush();
  return {};
};
