import { failedPrecondition } from "@keelson/cri-api/errors";
import { checkId, getSandbox } from "../lookup.ts";
import { isReady, sandboxStateName } from "../state/states.ts";
import { measureSandboxes } from "../stats/measure.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const podSandboxStats: RuntimeRpc<"podSandboxStats"> = (core) => async (request, call) => {
  checkId(request.podSandboxId, "pod_sandbox_id");
  const { stats: engine } = core.engine;
  if (engine === undefined) throw notByEngine(call);
  const record = getSandbox(core, request.podSandboxId);
  if (!isReady(record)) {
    throw failedPrecondition(`measure sandbox ${record.id}: its state is ${sandboxStateName(record)}, want READY`);
  }
  call.stage("measuring", `sandbox ${record.id}`);
  const [stats] = await measureSandboxes(core, engine, [record]);
  if (stats === undefined) getSandbox(core, record.id); // gone meanwhile
  return { stats };
};
