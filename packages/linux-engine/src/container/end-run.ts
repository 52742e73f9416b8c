import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { EngineLog } from "../log.ts";
import { cgroupPath } from "../oci/cgroup-path.ts";
import { monitorMark } from "../oci/conmon.ts";
import { cgroupFolder, endCgroup, removeCgroupEverywhere } from "../oci/container-cgroup.ts";
import { findMonitors } from "../oci/find-monitors.ts";
import { OciRuntime } from "../oci/oci-runtime.ts";
import { openProcess, type ProcessHandle } from "../sys/pidfd.ts";
import type { ContainerDeps } from "./container-tools.ts";
import type { RunMonitorFacts, RunMonitorPlan } from "./steps/run-monitor.ts";

const SIGKILL = 9;
const monitorGraceMs = 3_000;

/**
 * Ends what a start made, all of it or whatever part there is: the container's processes, its cgroups, the OCI runtime's
 * notes, conmon, the exit file. Idempotent. Only when nothing of it runs any more does it succeed. A `cgroupsPath` that is
 * not known is "".
 */
export async function endRun(
  plan: Pick<RunMonitorPlan, "id" | "bundle" | "cgroupsPath" | "runtime" | "bootId">,
  facts: RunMonitorFacts | undefined,
  deps: Pick<ContainerDeps, "bootId" | "paths" | "cgroupLayout">,
): Promise<void> {
  const layout = deps.cgroupLayout();
  const monitors = findRunMonitors(plan, facts, deps.bootId);
  try {
    // Without facts conmon may be about to create the container: it must not get to that.
    if (facts === undefined) await endMonitors(monitors, 0);
    const cgroup =
      facts?.cgroup ?? (plan.cgroupsPath === "" ? undefined : cgroupFolder(layout, cgroupPath(plan.cgroupsPath)));
    if (cgroup !== undefined) await endCgroup(layout, cgroup);
    await new OciRuntime(plan.runtime).delete(plan.id);
    await endMonitors(monitors, monitorGraceMs);
  } finally {
    for (const monitor of monitors) monitor.close();
  }
  if (plan.cgroupsPath !== "") await removeCgroupEverywhere(layout, cgroupPath(plan.cgroupsPath)); // normally the runtime has
  await rm(deps.paths.exitFile(plan.id), { force: true });
}

/**
 * Gives back what the OCI runtime keeps of a run that has ended, its cgroup included. Never rejects: what it misses goes
 * with the container.
 */
export async function dropRuntimeNotes(plan: Pick<RunMonitorPlan, "id" | "runtime">, log: EngineLog): Promise<void> {
  try {
    await new OciRuntime(plan.runtime).delete(plan.id);
  } catch (error) {
    log.warn("could not clean up after a container yet", { id: plan.id, error });
  }
}

function findRunMonitors(
  plan: Pick<RunMonitorPlan, "bundle" | "bootId">,
  facts: RunMonitorFacts | undefined,
  bootId: string,
): readonly ProcessHandle[] {
  if (plan.bootId !== bootId) return [];
  if (facts === undefined) return findMonitors(monitorMark(plan.bundle));
  const monitor = openProcess(facts.monitor.pid, facts.monitor.startTime);
  return monitor === undefined ? [] : [monitor];
}

/** conmon ends by itself once its container has; it gets so long to write down how. */
export async function endMonitors(monitors: readonly ProcessHandle[], graceMs: number): Promise<void> {
  for (const monitor of monitors) {
    if (!monitor.isRunning()) continue;
    const grace = new AbortController();
    const kill = delay(graceMs, undefined, { signal: grace.signal }).then(
      () => monitor.signal(SIGKILL),
      () => false, // it ended in time
    );
    await monitor.exited;
    grace.abort();
    await kill;
  }
}
