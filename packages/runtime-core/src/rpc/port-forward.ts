import { invalidArgument } from "@keelson/cri-api/errors";
import { PortForwardRequestSchema } from "@keelson/cri-api/v1";
import { checkId } from "../lookup.ts";
import { checkText } from "../validation/check-text.ts";
import { notByEngine } from "./not-by-engine.ts";
import { readySandbox } from "./ready-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const portForward: RuntimeRpc<"portForward"> = (core) => async (request, call) => {
  checkText(PortForwardRequestSchema, request, "");
  checkId(request.podSandboxId, "pod_sandbox_id");
  request.port.forEach((port, index) => {
    if (port < 1 || port > 65535) throw invalidArgument(`port[${index}] is ${port}, want 1 to 65535`);
  });
  const { streams } = core.engine;
  if (streams?.portForward === undefined) throw notByEngine(call);
  return { url: await streams.portForward(readySandbox(core, request.podSandboxId, "forward ports of"), request) };
};
