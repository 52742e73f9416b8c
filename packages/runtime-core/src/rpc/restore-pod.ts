import { RestorePodRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { checkAbsolute } from "./check-absolute.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** No port has a verb for it: what an engine would have to be given is open as long as none writes checkpoints of pods. */
export const restorePod: RuntimeRpc<"restorePod"> = () => (request, call) => {
  checkText(RestorePodRequestSchema, request, "");
  if (request.checkpointPath !== "") checkAbsolute(request.checkpointPath, "checkpoint_path");
  throw notByEngine(call);
};
