import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, internal, quote } from "@keelson/cri-api/errors";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { podCgroup } from "../../cgroup/pod-cgroup.ts";
import { endRun } from "../../container/end-run.ts";
import type { RecordedProcess } from "../../container/steps/run-monitor.ts";
import { startMonitor } from "../../oci/conmon.ts";
import { cgroupFolderOf } from "../../oci/container-cgroup.ts";
import { OciRuntime } from "../../oci/oci-runtime.ts";
import {
  buildCgroupsPath,
  buildInitSpec,
  hostNamespaces,
  initUser,
  serializeSpec,
  sharesProcessIds,
} from "../../spec/index.ts";
import { pinNamespace, unpinNamespace } from "../../sys/namespace-pin.ts";
import { openProcess } from "../../sys/pidfd.ts";
import { initProgramPath } from "../init-rootfs.ts";
import { sandboxPaths } from "../sandbox-paths.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

export type RunInitPlan = {
  /** The sandbox's ID, also for the OCI runtime, whose notes of such processes are apart from those of containers. */
  readonly id: string;
  readonly bundle: string;
  readonly cgroupsPath: string;
  /** What made it has to take it back, whatever the configuration has become since. */
  readonly runtime: { readonly path: string; readonly stateFolder: string; readonly systemdCgroup: boolean };
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  /** The pod's own namespaces that it is in. */
  readonly joins: { readonly network?: string; readonly ipc?: string; readonly uts?: string };
  /** Where its namespace of process IDs is pinned. */
  readonly pin: string;
  readonly bootId: string;
};

export type RunInitFacts = {
  readonly monitor: RecordedProcess;
  readonly init: RecordedProcess;
  /** The folder of its cgroup, in the hierarchy by which processes are found. */
  readonly cgroup: string;
  readonly startedAtNs: string;
  /** The inode number of the namespace. */
  readonly inode: string;
};

export const runInitName = "run-init";

/**
 * The first process of a pod whose containers share their process IDs, and the pin by which they join. Such a namespace
 * can't be without a process, and what it is worth ends with it: then the kernel kills all that is in it.
 */
export const runInit: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  RunInitPlan,
  RunInitFacts
>({
  name: runInitName,
  heldUntil: "stop",
  plan: ({ id, config, runtimeHandler }, { folders, cgroups, init }) => {
    if (!sharesProcessIds(config)) return undefined;
    const runtime = init.runtimes.get(runtimeHandler);
    if (runtime === undefined) throw failedPrecondition(`run sandbox: no runtime handler ${quote(runtimeHandler)}`);
    const { path, stateFolder, systemdCgroup } = runtime;
    const host = hostNamespaces(config);
    const { netns, ipc, uts, pid } = sandboxPaths(folders, id);
    return {
      id,
      bundle: init.paths.bundle(id),
      cgroupsPath: buildCgroupsPath({
        cgroupParent: "",
        fallbackParent: podCgroup(cgroups, id, config.linux?.cgroupParent ?? "").parent,
        driver: cgroups.driver,
        id,
      }),
      runtime: { path, stateFolder, systemdCgroup },
      user: initUser(config),
      joins: {
        ...(host.network ? {} : { network: netns }),
        ...(host.ipc ? {} : { ipc }),
        ...(host.uts ? {} : { uts }),
      },
      pin: pid,
      bootId: init.bootId,
    };
  },
  apply: async (plan, { cgroupLayout, init }, task) => {
    const { id, bundle, cgroupsPath, pin, joins, user } = plan;
    const { facts, rootfs } = init;
    await mkdir(init.paths.persistFolder(id), { recursive: true, mode: 0o700 });
    await mkdir(plan.runtime.stateFolder, { recursive: true, mode: 0o700 });
    const spec = buildInitSpec({ user, facts, rootfs, program: initProgramPath, cgroupsPath, pins: joins });
    await writeFile(join(bundle, "config.json"), serializeSpec(spec), { mode: 0o600 });
    const runtime = new OciRuntime(plan.runtime);
    task.stage("waiting for the OCI runtime to run", `the first process of sandbox ${id}`);
    const request = {
      id,
      bundle,
      persistFolder: init.paths.persistFolder(id),
      pidFile: init.paths.pidFile(id),
      ...{ logPath: "", terminal: false, stdin: false, stdinOnce: false },
    };
    const { monitor, pid, startTime } = await startMonitor(init.conmon, runtime, request, task.signal);
    monitor.unref();
    const cgroup = cgroupFolderOf(cgroupLayout(), pid);
    const startedAtNs = BigInt(Date.now()) * 1_000_000n;
    await runtime.start(id, task.signal);
    using process = openProcess(pid, startTime); // held, so that the pid is of no other one
    if (process === undefined || cgroup === undefined) throw internal(`run sandbox ${id}: its first process has ended`);
    await pinNamespace(`/proc/${pid}/ns/pid`, pin);
    if (!process.isRunning()) throw internal(`run sandbox ${id}: its first process has ended`);
    return {
      monitor: { pid: monitor.pid, startTime: monitor.startTime },
      init: { pid, startTime },
      cgroup,
      startedAtNs: startedAtNs.toString(),
      inode: String((await stat(pin)).ino),
    };
  },
  revert: async (plan, facts, { cgroupLayout, init }) => {
    await unpinNamespace(plan.pin);
    await endRun(plan, facts, { bootId: init.bootId, paths: init.paths, cgroupLayout });
    await rm(plan.bundle, { recursive: true, force: true });
  },
});
