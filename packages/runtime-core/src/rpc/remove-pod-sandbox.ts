import { waitFor } from "../joins/work.ts";
import { findSandbox } from "../lookup.ts";
import { removeSandbox } from "../operations/remove-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const removePodSandbox: RuntimeRpc<"removePodSandbox"> = (core) => async (request, call) => {
  const sandbox = findSandbox(core, request.podSandboxId);
  if (sandbox !== undefined) await waitFor(removeSandbox(core, sandbox.id), call);
  return {};
};
