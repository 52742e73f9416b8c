import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type ContainerExit,
  type ContainerRecord,
  type ContainerVerdict,
  type Journal,
  revertSteps,
  type StartFacts,
} from "@keelson/runtime-core/ports";
import { readBootTimeNs } from "../host/boot.ts";
import { endCgroup } from "../oci/container-cgroup.ts";
import { commandMark } from "../oci/exec.ts";
import { endExecCgroup } from "../oci/exec-cgroup.ts";
import { readExitFile } from "../oci/exit-file.ts";
import { findMonitors } from "../oci/find-monitors.ts";
import { openProcess } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { ContainerDeps } from "./container-tools.ts";
import { containerSteps, startSteps } from "./create.ts";
import { dropRuntimeNotes, endMonitors, endRun } from "./end-run.ts";
import { exitReport } from "./exit-report.ts";
import { lastLogTimeNs } from "./last-log-time.ts";
import { recordedRun } from "./recorded-steps.ts";
import type { RunningContainers } from "./running-containers.ts";
import { holdImageName } from "./steps/hold-image.ts";
import type { RunMonitorFacts, RunMonitorPlan } from "./steps/run-monitor.ts";
import { wasOomKilled } from "./was-oom-killed.ts";

/**
 * Compares a container's record with what is there, at the daemon's start. Assumes that nobody else acts on it, that a
 * process is known by boot, pid and start time, and that a record's step without facts was perhaps made.
 */
export async function adoptContainer(
  record: ContainerRecord,
  journal: Journal,
  deps: ContainerDeps,
  running: RunningContainers,
): Promise<ContainerVerdict> {
  if (record.failed !== undefined) return await kept(journal, deps, { kind: "same" });
  if (record.facts === undefined) {
    const left = await revertSteps({ steps: containerSteps, tools: deps, journal, until: "remove" });
    return left.length === 0 ? { kind: "reverted" } : { kind: "left", why: left.join("; ") };
  }
  return await kept(journal, deps, await adoptRun(record, journal, deps, running));
}

/** A record that stays keeps its image: holds live in memory. */
async function kept(journal: Journal, deps: ContainerDeps, verdict: ContainerVerdict): Promise<ContainerVerdict> {
  const held = journal.steps.find((one) => one.name === holdImageName)?.plan as
    | { readonly image: string; readonly holder: string }
    | undefined;
  if (held === undefined) return verdict;
  try {
    await deps.images.hold(held.image, held.holder);
  } catch (error) {
    // It runs or ran from what is unpacked; that the image is gone from the store harms no one but the next create.
    deps.log.warn("the image of a container is not in the store any more", { id: held.holder, error });
  }
  return verdict;
}

async function adoptRun(
  record: ContainerRecord,
  journal: Journal,
  deps: ContainerDeps,
  running: RunningContainers,
): Promise<ContainerVerdict> {
  const run = recordedRun(journal.steps);
  if (run === undefined) return { kind: "same" };
  const { plan, facts } = run;
  if (record.exit !== undefined) {
    await endRun(plan, facts, deps); // its clean-up may not have been finished
    return { kind: "same" };
  }
  if (facts === undefined) {
    const left = await revertSteps({ steps: startSteps, tools: deps, journal, until: "remove" });
    return left.length === 0 ? { kind: "created" } : { kind: "left", why: left.join("; ") };
  }
  const started: StartFacts = { startedAtNs: BigInt(facts.startedAtNs), pid: facts.init.pid };
  if (plan.bootId === deps.bootId && (await readExitFile(deps.paths.exitFile(plan.id))) === undefined) {
    const monitor = openProcess(facts.monitor.pid, facts.monitor.startTime);
    if (monitor !== undefined) {
      monitor.unref();
      await endUnfinishedCommands(plan, facts, deps);
      running.add(plan, facts, monitor);
      return { kind: "running", started };
    }
  }
  const exit = await endOfRun(plan, facts, deps);
  await dropRuntimeNotes(plan, deps.log);
  return { kind: "exited", started, exit };
}

/** The end of a container that has no monitor any more: what conmon wrote, or that nobody knows. */
async function endOfRun(plan: RunMonitorPlan, facts: RunMonitorFacts, deps: ContainerDeps): Promise<ContainerExit> {
  const rebooted = plan.bootId !== deps.bootId;
  if (!rebooted) await endCgroup(deps.cgroupLayout(), facts.cgroup);
  const file = await readExitFile(deps.paths.exitFile(plan.id)); // after conmon's end: it writes last
  return exitReport({
    file,
    lastLogNs: await lastLogTimeNs(plan.logPath),
    oomKilled: await wasOomKilled(
      { plan, facts: rebooted ? { cgroup: facts.cgroup } : facts, file, killedByUs: false }, // counts begin with a boot
      deps,
    ),
    startedAtNs: BigInt(facts.startedAtNs),
    noticedAtNs: rebooted ? readBootTimeNs() : BigInt(Date.now()) * 1_000_000n,
    why: rebooted
      ? "the machine was restarted while the container ran"
      : "the monitor of the container ended before it; its processes were killed",
  });
}

/** Commands end with their caller, and the callers were those of the last daemon. Finished ones have no folder. */
async function endUnfinishedCommands(plan: RunMonitorPlan, facts: RunMonitorFacts, deps: ContainerDeps): Promise<void> {
  const folder = deps.paths.execFolder(plan.id);
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names) {
    // First who starts it: crun would start it outside of the container's cgroup once its own is gone.
    const monitors = findMonitors(commandMark(join(folder, name)));
    await endMonitors(monitors, 0);
    for (const monitor of monitors) monitor.close();
    await endExecCgroup(deps.cgroupLayout(), facts.cgroup, name);
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
