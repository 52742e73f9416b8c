import type { PodSandboxMetrics } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers, visibleSandboxes } from "../lookup.ts";
import { isReady, isRunning } from "../state/states.ts";
import type { Call } from "./call.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const listPodSandboxMetrics: RuntimeRpc<"listPodSandboxMetrics"> = (core) => async (_request, call) => ({
  podMetrics: [...(await measuredSandboxes(core, call))],
});

/** The metrics of all READY sandboxes. */
export async function measuredSandboxes(core: Core, call: Call): Promise<readonly PodSandboxMetrics[]> {
  const { metrics } = core.engine;
  if (metrics === undefined) throw notByEngine(call);
  call.stage("measuring all sandboxes");
  const running = Map.groupBy(visibleContainers(core).filter(isRunning), ({ sandboxId }) => sandboxId);
  const ready = visibleSandboxes(core).filter(isReady);
  return await metrics.measure(ready.map((sandbox) => ({ sandbox, containers: running.get(sandbox.id) ?? [] })));
}
