import { mkdir, rm } from "node:fs/promises";
import { failedPrecondition, internal, quote } from "@keelson/cri-api/errors";
import { type AnyStep, step } from "@keelson/runtime-core/ports";
import { startMonitor } from "../../oci/conmon.ts";
import { cgroupFolderOf } from "../../oci/container-cgroup.ts";
import { OciRuntime } from "../../oci/oci-runtime.ts";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";
import { endRun } from "../end-run.ts";
import { recordedBundle } from "../recorded-steps.ts";
import { countPodOomKills } from "../was-oom-killed.ts";

/** A process that was running in the boot of the record. */
export type RecordedProcess = { readonly pid: number; readonly startTime: number };

export type RunMonitorPlan = {
  readonly id: string;
  readonly bundle: string;
  readonly logPath: string;
  readonly cgroupsPath: string;
  /** What made it has to take it back, whatever the configuration has become since. */
  readonly runtime: { readonly path: string; readonly stateFolder: string; readonly systemdCgroup: boolean };
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly bootId: string;
};

export type RunMonitorFacts = {
  readonly monitor: RecordedProcess;
  readonly init: RecordedProcess;
  /** The folder of its cgroup, in the hierarchy by which processes are found. */
  readonly cgroup: string;
  readonly startedAtNs: string;
  /** How many processes of the pod the kernel had killed for want of memory before; absent where that is not counted. */
  readonly podOomKills?: number;
};

export const runMonitorName = "run-monitor";

/** Has conmon create the container through the OCI runtime, and lets its command run. */
export const runMonitor: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  RunMonitorPlan,
  RunMonitorFacts
>({
  name: runMonitorName,
  heldUntil: "stop",
  plan: ({ record, sandbox }, tools) => {
    const { id, config, logPath, steps } = record;
    const runtime = tools.runtimes.get(sandbox.runtimeHandler);
    if (runtime === undefined) {
      throw failedPrecondition(
        `start container ${id}: runtime handler ${quote(sandbox.runtimeHandler)} is not configured any more`,
        { hint: "put the handler back into section [runtimes] of the configuration, or make the pod anew" },
      );
    }
    const { path, stateFolder, systemdCgroup } = runtime;
    const cgroupsPath = recordedBundle(steps)?.facts?.cgroupsPath;
    if (cgroupsPath === undefined) throw failedPrecondition(`start container ${id}: its bundle was not written`);
    return {
      id,
      bundle: tools.paths.bundle(id),
      logPath,
      cgroupsPath,
      runtime: { path, stateFolder, systemdCgroup },
      terminal: config.tty,
      stdin: config.stdin,
      stdinOnce: config.stdinOnce,
      bootId: tools.bootId,
    };
  },
  apply: async (plan, tools, task) => {
    const { id } = plan;
    const runtime = new OciRuntime(plan.runtime);
    // What a start that was reverted has left says nothing about this one.
    await rm(tools.paths.persistFolder(id), { recursive: true, force: true });
    await mkdir(tools.paths.persistFolder(id), { mode: 0o700 });
    await mkdir(plan.runtime.stateFolder, { recursive: true, mode: 0o700 });
    task.stage("waiting for the OCI runtime to create", `container ${id}`);
    const request = {
      ...plan,
      persistFolder: tools.paths.persistFolder(id),
      pidFile: tools.paths.pidFile(id),
    };
    const { monitor, pid, startTime } = await startMonitor(tools.conmon, runtime, request, task.signal);
    const cgroup = cgroupFolderOf(tools.cgroupLayout(), pid);
    if (cgroup === undefined) throw internal(`start container ${id}: its process ended before the start`);
    const podOomKills = countPodOomKills(plan.cgroupsPath, tools);
    task.stage("waiting for the OCI runtime to start", `container ${id}`);
    const startedAtNs = BigInt(Date.now()) * 1_000_000n; // before its command runs: it may end at once
    await runtime.start(id, task.signal);
    monitor.unref();
    tools.monitors.set(id, monitor);
    return {
      monitor: { pid: monitor.pid, startTime: monitor.startTime },
      init: { pid, startTime },
      cgroup,
      startedAtNs: startedAtNs.toString(),
      ...(podOomKills === undefined ? {} : { podOomKills }),
    };
  },
  revert: async (plan, facts, tools) => {
    tools.monitors.delete(plan.id);
    await endRun(plan, facts, tools);
  },
});
