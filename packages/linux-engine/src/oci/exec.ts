import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canceled, deadlineExceeded, internal } from "@keelson/cri-api/errors";
import type { ExecResult } from "@keelson/runtime-core/ports";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { type Process, serializeSpec } from "../spec/runtime-spec.ts";
import { type Child, spawn } from "../sys/spawn.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { CommandOutput } from "./command-output.ts";
import { type ConmonOptions, conmonEnvironment, ourEnd } from "./conmon.ts";
import { ExecCgroup } from "./exec-cgroup.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { runtimeFailure } from "./runtime-error.ts";
import { readSyncMessage } from "./sync-pipe.ts";

const SIGKILL = 9;
const drainMs = 1_000;
const noDeadlineMs = 2 ** 31 - 1; // the longest that a timer takes; a node does not run one command for 24 days

export interface CommandRequest {
  readonly id: string;
  /** What to run, as the runtime's `exec --process` reads it. */
  readonly process: Process;
  /** The folder of the container's cgroup. */
  readonly cgroup: string;
  /** A folder of the container's own in which this command gets one for its time. */
  readonly workFolder: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

export interface CommandTools {
  readonly conmon: ConmonOptions;
  readonly runtime: OciRuntime;
  readonly layout: CgroupLayout;
}

/**
 * Runs a command in a running container. conmon reaps it and tells its exit code as soon as it has ended, whoever still
 * holds its output; the command runs in a cgroup of its own below the container's, so that its end can be made complete.
 * What it leaves in the background after a normal end lives on, as everywhere.
 *
 * @throws NOT_FOUND when the command is not in the container; DEADLINE_EXCEEDED and CANCELED when no process of it is
 *   left; FAILED_PRECONDITION when it may not be executed
 */
export async function runCommand(tools: CommandTools, request: CommandRequest): Promise<ExecResult> {
  const name = `exec-${randomBytes(8).toString("hex")}`;
  const folder = join(request.workFolder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    return await runIn(ExecCgroup.make(tools.layout, request.cgroup, name), folder, tools, request);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  cgroup: ExecCgroup,
  folder: string,
  tools: CommandTools,
  request: CommandRequest,
): Promise<ExecResult> {
  try {
    await writeFile(join(folder, "process.json"), serializeSpec(request.process), { mode: 0o600 });
    const monitor = spawn(commandArguments(tools, request.id, folder, cgroup), {
      env: { ...conmonEnvironment(tools.conmon), _OCI_SYNCPIPE: "3" },
      cwd: folder,
      descriptors: { 1: "write-pipe", 2: "write-pipe", 3: "write-pipe" },
    });
    const output = new CommandOutput(ourEnd(monitor, 1), ourEnd(monitor, 2));
    try {
      const exitCode = await exitCodeOf(monitor, request, folder);
      await output.drain(drainMs);
      return { exitCode, stdout: output.stdout, stderr: output.stderr };
    } catch (error) {
      await endCommand(monitor, cgroup, folder);
      throw error;
    } finally {
      output.close();
    }
  } finally {
    cgroup.close();
  }
}

async function exitCodeOf(monitor: Child, request: CommandRequest, folder: string): Promise<number> {
  const what = `exec in container ${request.id}`;
  let value: number | undefined;
  try {
    const deadlineMs = request.timeoutMs ?? noDeadlineMs;
    value = (await readSyncMessage(ourEnd(monitor, 3), { deadlineMs, signal: request.signal }))?.value;
  } catch (cause) {
    if (request.signal.aborted) throw canceled(`${what}: the caller went away`, { cause });
    throw deadlineExceeded(`${what}: timeout ${request.timeoutMs} ms exceeded`, { cause });
  }
  if (value !== undefined && value >= 0) return value;
  await monitor.exited;
  const said = await readIfThere(join(folder, "runtime.log"));
  if (await wasStarted(folder)) throw internal(`${what}: conmon could not tell how the command ended`);
  throw runtimeFailure(what, said);
}

/** Ends every process of the command, also one that the runtime is just about to make, and waits for conmon's end. */
async function endCommand(monitor: Child, cgroup: ExecCgroup, folder: string): Promise<void> {
  if (!(await wasStarted(folder))) monitor.signalGroup(SIGKILL);
  await cgroup.end();
  const timer = setTimeout(() => monitor.signalGroup(SIGKILL), drainMs);
  await monitor.exited;
  clearTimeout(timer);
  await cgroup.end();
}

/** The runtime writes the pid file once the command has been executed. */
async function wasStarted(folder: string): Promise<boolean> {
  return (await stat(join(folder, "pid")).catch(absent)) !== undefined;
}

async function readIfThere(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(absent)) ?? "";
}

function absent(error: unknown): undefined {
  if (!isErrno(error, "ENOENT")) throw error;
}

/** Arguments by which the monitor of a command, in its folder, can be told from all other processes of its name. */
export function commandMark(folder: string): readonly string[] {
  return ["--exec-process-spec", join(folder, "process.json")];
}

function commandArguments(
  tools: CommandTools,
  id: string,
  folder: string,
  cgroup: ExecCgroup,
): readonly [string, ...string[]] {
  const { conmon, runtime } = tools;
  const runtimeArguments = [
    ...runtime.globalArguments,
    `--log=${join(folder, "runtime.log")}`,
    "--log-format=json",
    ...(runtime.systemdCgroup ? ["--systemd-cgroup"] : []), // conmon itself passes it on for create alone
  ];
  return [
    conmon.path,
    ...["--sync", "--exec", "--cid", id],
    ...["--runtime", runtime.path],
    ...runtimeArguments.flatMap((argument) => ["--runtime-arg", argument]),
    ...cgroup.runtimeOptions.flatMap((option) => ["--runtime-opt", option]),
    ...["--container-pidfile", join(folder, "pid")],
    ...commandMark(folder),
    ...["--log-path", "passthrough"], // the command writes to our pipes without a copy on the way
  ];
}
