import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { hierarchyRoots } from "../cgroup/cgroup-folders.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { cgroupFolder, cgroupProcesses, childCgroups, endCgroup, removeCgroup } from "./container-cgroup.ts";

const prefix = "exec-";

/** Names of those that are in use: an empty one among them is about to be filled. */
const used = new Set<string>();

/**
 * The cgroup of one command, below its container's. Only there can all processes of a command be found: they may have
 * left its session, its process group and, by a double fork, its family. On v1 it is made in every hierarchy, because
 * crun leaves a process outside of the container's cgroup where the one that it was told of is missing.
 */
export class ExecCgroup {
  readonly #layout: CgroupLayout;
  readonly #container: string;
  readonly #name: string;

  private constructor(layout: CgroupLayout, container: string, name: string) {
    this.#layout = layout;
    this.#container = container;
    this.#name = name;
  }

  /** `container` is the folder of the container's cgroup; `name` is unique and begins with `exec-`. */
  static make(layout: CgroupLayout, container: string, name: string): ExecCgroup {
    // Commands that left something in the background: that may have ended since.
    for (const old of childCgroups(container)) {
      const isIdle = old.startsWith(prefix) && !used.has(old) && cgroupProcesses(join(container, old)).length === 0;
      if (isIdle) removeExecCgroup(layout, container, old);
    }
    used.add(name);
    const made = new ExecCgroup(layout, container, name);
    try {
      for (const folder of foldersOf(layout, container)) makeChild(folder, name);
      return made;
    } catch (error) {
      made.close();
      throw error;
    }
  }

  /** The runtime's options that start a command in it. */
  get runtimeOptions(): readonly string[] {
    return [`--cgroup=${this.#name}`];
  }

  /** Ends every process in it. */
  end(): Promise<void> {
    return endCgroup(this.#layout, join(this.#container, this.#name));
  }

  /** Gives it back; what the command left in the background keeps it until the container ends. */
  close(): void {
    used.delete(this.#name);
    removeExecCgroup(this.#layout, this.#container, this.#name);
  }
}

/** Ends what a command of an earlier life of the daemon still runs. */
export async function endExecCgroup(layout: CgroupLayout, container: string, name: string): Promise<void> {
  await endCgroup(layout, join(container, name));
  removeExecCgroup(layout, container, name);
}

function removeExecCgroup(layout: CgroupLayout, container: string, name: string): void {
  for (const folder of foldersOf(layout, container)) {
    try {
      removeCgroup(join(folder, name));
    } catch (error) {
      if (!isErrno(error, "EBUSY")) throw error; // something of the command lives on in the background
    }
  }
}

/** The folders of a container's cgroup, in every hierarchy that it is in. */
function foldersOf(layout: CgroupLayout, container: string): readonly string[] {
  const path = relative(cgroupFolder(layout, "/"), container);
  return hierarchyRoots(layout)
    .map((root) => join(root, path))
    .filter((folder) => existsSync(folder));
}

function makeChild(folder: string, name: string): void {
  const child = join(folder, name);
  mkdirSync(child);
  if (!existsSync(join(child, "cpuset.cpus")) || !existsSync(join(child, "cgroup.clone_children"))) return;
  // A new cpuset of v1 is empty, and then nothing can be put into it.
  for (const file of ["cpuset.cpus", "cpuset.mems"]) writeFileSync(join(child, file), readFileSync(join(folder, file)));
}
