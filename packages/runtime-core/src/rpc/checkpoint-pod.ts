import { invalidArgument } from "@keelson/cri-api/errors";
import { CheckpointPodRequestSchema } from "@keelson/cri-api/v1";
import { checkId } from "../lookup.ts";
import { checkText } from "../validation/check-text.ts";
import { checkAbsolute } from "./check-absolute.ts";
import { notByEngine } from "./not-by-engine.ts";
import { readySandbox } from "./ready-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";

export const checkpointPod: RuntimeRpc<"checkpointPod"> = (core) => async (request, call) => {
  checkText(CheckpointPodRequestSchema, request, "");
  checkId(request.podSandboxId, "pod_sandbox_id");
  if (request.outputPath !== "") checkAbsolute(request.outputPath, "output_path");
  const { checkpoints } = core.engine;
  if (checkpoints?.pod === undefined) throw notByEngine(call);
  // after the verb: a client that asks what is served names neither path nor containers
  checkAbsolute(request.outputPath, "output_path");
  if (request.containerIds.length === 0) throw invalidArgument("container_ids is empty, want at least one");
  const sandbox = readySandbox(core, request.podSandboxId, "checkpoint");
  const containers = request.containerIds.map((id, index) => {
    const container = runningContainer(core, id, "checkpoint");
    if (container.sandboxId === sandbox.id) return container;
    throw invalidArgument(`container_ids[${index}]: container ${container.id} is not in sandbox ${sandbox.id}`);
  });
  if (new Set(containers).size !== containers.length) {
    throw invalidArgument("container_ids names a container twice");
  }
  call.stage("writing the checkpoint", `of sandbox ${sandbox.id}`);
  await checkpoints.pod(sandbox, containers, {
    folder: request.outputPath,
    options: request.options,
    signal: call.signal,
  });
  return {};
};
