import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ProcessError } from "../sys/process-error.ts";
import { type RunResult, run } from "../sys/run.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { runtimeFailure, runtimeMessage, updateFailure } from "./runtime-error.ts";

export interface OciRuntimeOptions {
  /** Absolute path of crun or runc. */
  readonly path: string;
  /** Where it keeps its own state; nobody else uses this folder. */
  readonly stateFolder: string;
  /** True: cgroups are made by systemd (`cgroupsPath` is `SLICE:PREFIX:NAME`). */
  readonly systemdCgroup: boolean;
}

const deadlineMs = 30_000;

/** The OCI runtime's command line (runc's, which crun shares). Ids are container IDs. */
export class OciRuntime {
  readonly path: string;
  readonly stateFolder: string;
  /** Arguments that stand before every command: also conmon passes them on. */
  readonly globalArguments: readonly string[];
  readonly systemdCgroup: boolean;

  constructor(options: OciRuntimeOptions) {
    this.path = options.path;
    this.stateFolder = options.stateFolder;
    this.globalArguments = [`--root=${options.stateFolder}`];
    this.systemdCgroup = options.systemdCgroup;
  }

  /** Lets a created container run its command. @throws NOT_FOUND when the command is not in it, INTERNAL */
  async start(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#run(["start", id], signal);
    } catch (error) {
      throw failure(`start container ${id}`, error);
    }
  }

  /**
   * Changes the limits of a container that was created or runs; `file` holds them as the `resources` of a specification.
   * @throws FAILED_PRECONDITION for a limit below what is in use; INVALID_ARGUMENT for what the kernel does not take;
   *   INTERNAL
   */
  async update(id: string, file: string): Promise<void> {
    try {
      await this.#run(["update", "--resources", file, id]);
    } catch (error) {
      if (error instanceof ProcessError && error.code === "INTERNAL") throw updateFailure(id, error.stderrTail);
      throw failure(`update container ${id}`, error);
    }
  }

  /**
   * Removes what the runtime keeps of a container: its state, its cgroup, and by force also its processes. Succeeds when
   * it knows no such container.
   */
  async delete(id: string): Promise<void> {
    if (!(await this.#knows(id))) return;
    const result = await this.#run(["delete", "--force", id], undefined, true);
    if (result.exit.code === 0) return;
    const message = runtimeMessage(result.stderr.toString("utf8"));
    if (/does not exist|no such file or directory/i.test(message)) return;
    throw runtimeFailure(`delete container ${id}`, message);
  }

  /** Both runtimes keep a folder per container, which spares us a process. */
  async #knows(id: string): Promise<boolean> {
    try {
      await stat(join(this.stateFolder, id));
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  #run(command: readonly string[], signal?: AbortSignal, anyExit = false): Promise<RunResult> {
    const systemd = this.systemdCgroup ? ["--systemd-cgroup"] : [];
    return run([this.path, ...this.globalArguments, ...systemd, ...command], {
      deadlineMs,
      anyExit,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function failure(what: string, error: unknown): unknown {
  if (error instanceof ProcessError && error.code === "INTERNAL") return runtimeFailure(what, error.stderrTail);
  if (isErrno(error, "ENOENT", "EACCES")) return runtimeFailure(what, "the OCI runtime cannot be executed any more");
  return error;
}
