import { join } from "node:path";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { isErrno } from "../sys/syscall-error.ts";
import {
  cgroupProcesses,
  childCgroups,
  endCgroup,
  makeChildCgroup,
  processHierarchy,
  removeCgroup,
} from "./container-cgroup.ts";

const prefix = "exec-";

/**
 * The cgroup of one command, below its container's. Only there can all processes of a command be found: they may have
 * left its session, its process group and, by a double fork, its family.
 */
export class ExecCgroup {
  /** Those that are in use: an empty one among them is about to be filled. */
  static readonly #used = new Set<string>();
  readonly #layout: CgroupLayout;
  readonly #folder: string;
  /** The runtime's options that start a command in it. */
  readonly runtimeOptions: readonly string[];

  private constructor(layout: CgroupLayout, folder: string, name: string) {
    this.#layout = layout;
    this.#folder = folder;
    const hierarchy = processHierarchy(layout);
    this.runtimeOptions = [`--cgroup=${hierarchy === "" ? name : `${hierarchy}:${name}`}`];
  }

  /** `name` is unique and begins with `exec-`. */
  static make(layout: CgroupLayout, container: string, name: string): ExecCgroup {
    // Commands that left something in the background: that may have ended since.
    for (const folder of execCgroups(container)) {
      if (!ExecCgroup.#used.has(folder) && cgroupProcesses(folder).length === 0) removeUnlessBusy(folder);
    }
    ExecCgroup.#used.add(join(container, name));
    return new ExecCgroup(layout, makeChildCgroup(container, name), name);
  }

  /** Ends every process in it. */
  end(): Promise<void> {
    return endCgroup(this.#layout, this.#folder);
  }

  /** Gives it back; what the command left in the background keeps it until the container ends. */
  close(): void {
    ExecCgroup.#used.delete(this.#folder);
    removeUnlessBusy(this.#folder);
  }
}

/** Ends what a command of an earlier life of the daemon still runs. */
export async function endExecCgroup(layout: CgroupLayout, container: string, name: string): Promise<void> {
  const folder = join(container, name);
  await endCgroup(layout, folder);
  removeUnlessBusy(folder);
}

function execCgroups(container: string): readonly string[] {
  return childCgroups(container).flatMap((name) => (name.startsWith(prefix) ? [join(container, name)] : []));
}

function removeUnlessBusy(folder: string): void {
  try {
    removeCgroup(folder);
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
  }
}
