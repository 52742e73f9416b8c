import { closeSync, writeSync } from "node:fs";
import { CriError, internal } from "@keelson/cri-api/errors";
import { readStartTime } from "../sys/pidfd.ts";
import { type Child, spawn } from "../sys/spawn.ts";
import { drainText } from "./drain-text.ts";
import type { MonitorCgroup } from "./monitor-cgroup.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { runtimeFailure } from "./runtime-error.ts";
import { readSyncMessage } from "./sync-pipe.ts";

/** Where conmon is and what it may use; one for the whole engine. */
export interface ConmonOptions {
  /** Absolute path of the program. */
  readonly path: string;
  /** Where it writes one file per container that ended, named by the container's ID. */
  readonly exitFolder: string;
  /** A folder of our own for its temporary sockets. */
  readonly tmpFolder: string;
  /** Where its processes are put; without it they stay in our own cgroup. */
  readonly cgroup?: MonitorCgroup | undefined;
}

export interface MonitorRequest {
  readonly id: string;
  readonly bundle: string;
  /** Where conmon keeps what outlives it: `exit` and, after an out-of-memory kill, `oom`. */
  readonly persistFolder: string;
  readonly pidFile: string;
  /** The CRI log file; "" without one. */
  readonly logPath: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Standard input is closed when the first client that attached goes. */
  readonly stdinOnce: boolean;
}

/** A container that its monitor has created and that waits for `start`. */
export interface Monitored {
  readonly monitor: Child;
  readonly pid: number;
  /** With the pid it names the container's first process for as long as the machine is up. */
  readonly startTime: number;
}

const createDeadlineMs = 120_000;
const SIGKILL = 9;

/**
 * Starts conmon (2.1) for one container, which creates it through the OCI runtime and tells its pid over the sync pipe.
 * conmon keeps no descriptor of ours and is its own session, so it outlives us.
 *
 * @throws NOT_FOUND when the command is not in the image, INTERNAL with the runtime's own words; conmon has ended then
 */
export async function startMonitor(
  conmon: ConmonOptions,
  runtime: OciRuntime,
  request: MonitorRequest,
  signal: AbortSignal,
): Promise<Monitored> {
  const waits = conmon.cgroup === undefined ? {} : { _OCI_STARTPIPE: "4" };
  const monitor = spawn(monitorArguments(conmon, runtime, request), {
    env: { ...conmonEnvironment(conmon), _OCI_SYNCPIPE: "3", ...waits },
    cwd: request.bundle,
    descriptors: { 2: "write-pipe", 3: "write-pipe", ...(conmon.cgroup === undefined ? {} : { 4: "read-pipe" }) },
  });
  const said = drainText(ourEnd(monitor, 2));
  try {
    if (conmon.cgroup !== undefined) await moveThenLetGo(conmon.cgroup, monitor);
    const sync = await readSyncMessage(ourEnd(monitor, 3), { deadlineMs: createDeadlineMs, signal });
    if (sync === undefined || sync.value <= 0) {
      await monitor.exited;
      const text = sync?.message ?? "";
      throw runtimeFailure(`start container ${request.id}`, text === "" ? said.text() : text);
    }
    const startTime = readStartTime(sync.value);
    if (startTime === undefined) throw internal(`start container ${request.id}: its process ended before the start`);
    return { monitor, pid: sync.value, startTime };
  } catch (error) {
    // conmon's child, the runtime, dies with it (PR_SET_PDEATHSIG); the container's processes are the caller's to end.
    monitor.signal(SIGKILL);
    await monitor.exited;
    throw error instanceof CriError
      ? error
      : internal(`start container ${request.id}: conmon failed`, { cause: error });
  } finally {
    said.close();
  }
}

/** conmon does nothing before something comes through its start pipe, so all that it starts is in its cgroup. */
async function moveThenLetGo(cgroup: MonitorCgroup, monitor: Child): Promise<void> {
  const startPipe = ourEnd(monitor, 4);
  try {
    await cgroup.enter(monitor.pid);
    writeSync(startPipe, "0");
  } finally {
    closeSync(startPipe);
  }
}

/** The environment of conmon and, through it, of the OCI runtime. */
export function conmonEnvironment(conmon: ConmonOptions): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TMPDIR: conmon.tmpFolder };
}

/** What the kernel calls a monitor's process (`/proc/PID/comm`). */
export const monitorName = "conmon";

/** Arguments by which a monitor of one container can be told from all other processes of this name. */
export function monitorMark(bundle: string): readonly string[] {
  return ["--bundle", bundle];
}

function monitorArguments(
  conmon: ConmonOptions,
  runtime: OciRuntime,
  request: MonitorRequest,
): readonly [string, ...string[]] {
  return [
    conmon.path,
    "--sync", // fork once: we are its parent and learn its end
    "--no-sync-log", // no fsync of the log at each exit
    ...["--cid", request.id, "--cuuid", request.id],
    ...["--runtime", runtime.path],
    ...runtime.globalArguments.flatMap((argument) => ["--runtime-arg", argument]),
    ...(runtime.systemdCgroup ? ["--systemd-cgroup"] : []),
    ...monitorMark(request.bundle),
    ...["--container-pidfile", request.pidFile],
    ...["--persist-dir", request.persistFolder],
    ...["--exit-dir", conmon.exitFolder],
    ...["--log-path", request.logPath === "" ? "none" : `k8s-file:${request.logPath}`],
    "--full-attach", // the attach socket lies in the bundle and not behind a shortened link
    ...(request.terminal ? ["--terminal"] : []),
    ...(request.stdin ? ["--stdin"] : []),
    ...(request.stdin && !request.stdinOnce ? ["--leave-stdin-open"] : []),
  ];
}

/** Our end of a pipe that was asked for. */
export function ourEnd(child: Child, fd: number): number {
  const end = child.pipes.get(fd);
  if (end === undefined) throw new Error(`descriptor ${fd} has no pipe`);
  return end;
}
