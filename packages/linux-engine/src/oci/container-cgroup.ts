import { closeSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { internal, quote } from "@keelson/cri-api/errors";
import { hierarchyRoots } from "../cgroup/cgroup-folders.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { openPidfd, signalPidfd } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";

const SIGKILL = 9;
const emptyDeadlineMs = 10_000;

/** On v1 one hierarchy stands for the container: the first of these that is mounted. The freezer makes killing atomic. */
const v1Hierarchies = ["freezer", "pids", "devices", "memory", "cpu", "name=systemd"];

/**
 * The name of the hierarchy by whose tree a container's processes are found: a controller on v1, "" on v2.
 * @throws INTERNAL when there is none
 */
export function processHierarchy(layout: CgroupLayout): string {
  if (layout.version === 2) return "";
  const name = v1Hierarchies.find((one) => layout.mounts.has(one));
  if (name === undefined) throw internal("find a cgroup hierarchy: none is mounted below /sys/fs/cgroup");
  return name;
}

/** The folder of a cgroup in that hierarchy, from its path below the hierarchy's root. */
export function cgroupFolder(layout: CgroupLayout, cgroup: string): string {
  const hierarchy = processHierarchy(layout);
  const mount = layout.version === 2 ? layout.unified : layout.mounts.get(hierarchy);
  return join(mount ?? "/sys/fs/cgroup", cgroup);
}

/** The folder of a process's cgroup in that hierarchy; undefined when the process is gone. */
export function cgroupFolderOf(layout: CgroupLayout, pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
  const hierarchy = processHierarchy(layout);
  for (const line of text.split("\n")) {
    const [, names, ...path] = line.split(":"); // cgroups(7): `ID:CONTROLLERS:PATH`, and a path may hold colons
    if (names?.split(",").includes(hierarchy) === true) return cgroupFolder(layout, path.join(":"));
  }
  return undefined;
}

/** The processes of a cgroup and of all below it; none when there is no such cgroup. Zombies count. */
export function cgroupProcesses(folder: string): readonly number[] {
  try {
    const own = readFileSync(join(folder, "cgroup.procs"), "latin1")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
    return [...own, ...childCgroups(folder).flatMap((name) => cgroupProcesses(join(folder, name)))];
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return []; // gone, or threaded and then counted in its parent
    throw error;
  }
}

/**
 * Ends every process of a cgroup, of those below it, and what they start meanwhile, and waits until it is seen empty.
 * Succeeds when there is no such cgroup.
 * @throws INTERNAL when a process is still there after ten seconds (it hangs in the kernel)
 */
export async function endCgroup(layout: CgroupLayout, folder: string): Promise<void> {
  refuseRoot(layout, folder);
  const until = performance.now() + emptyDeadlineMs;
  for (let pauseMs = 1; cgroupProcesses(folder).length > 0; pauseMs = Math.min(pauseMs * 2, 50)) {
    if (performance.now() > until) {
      throw internal(
        `end the processes of cgroup ${quote(folder)}: ${cgroupProcesses(folder).length} are still there`,
        {
          hint: "a process that hangs in the kernel ends when its device or mount answers again",
        },
      );
    }
    killCgroup(layout, folder);
    // No event tells that a v1 cgroup is empty, and a killed process leaves when the kernel has torn it down.
    await delay(pauseMs);
  }
}

/** Sends SIGKILL to every process of a cgroup and of those below it, so that none can get away by forking. */
export function killCgroup(layout: CgroupLayout, folder: string): void {
  refuseRoot(layout, folder);
  if (layout.version === 2) {
    writeCgroupFile(folder, "cgroup.kill", "1"); // Linux 5.14
    return;
  }
  const freezes = processHierarchy(layout) === "freezer";
  if (freezes) writeCgroupFile(folder, "freezer.state", "FROZEN");
  try {
    for (const pid of cgroupProcesses(folder)) killProcess(layout, folder, pid);
  } finally {
    if (freezes) writeCgroupFile(folder, "freezer.state", "THAWED");
  }
}

/** Removes an empty cgroup with all below it. Succeeds when it is not there. @throws EBUSY while processes are in it */
export function removeCgroup(folder: string): void {
  try {
    for (const name of childCgroups(folder)) removeCgroup(join(folder, name));
    rmdirSync(folder);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/**
 * Ends what is still in a cgroup and removes it with all below it, in every hierarchy. `path` is below the hierarchy's
 * root. An OCI runtime puts a process into one hierarchy of v1 after the other, and a dying one leaves late, so that a
 * cgroup may be seen empty in one while it is busy in another.
 * @throws INTERNAL when one is still busy after ten seconds
 */
export async function removeCgroupEverywhere(layout: CgroupLayout, path: string): Promise<void> {
  const folders = hierarchyRoots(layout).map((root) => join(root, path));
  const until = performance.now() + emptyDeadlineMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    await endCgroup(layout, cgroupFolder(layout, path));
    const busy = folders.filter((folder) => !tryRemoveCgroup(folder));
    if (busy.length === 0) return;
    if (performance.now() > until) {
      throw internal(`remove cgroup ${quote(busy[0] ?? path)}: a process is still in it`, {
        hint: "a process that hangs in the kernel ends when its device or mount answers again",
      });
    }
    await delay(pauseMs);
  }
}

function tryRemoveCgroup(folder: string): boolean {
  try {
    removeCgroup(folder);
    return true;
  } catch (error) {
    if (isErrno(error, "EBUSY")) return false;
    throw error;
  }
}

/** The names of the cgroups right below; none when there is no such cgroup. */
export function childCgroups(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** The root of a hierarchy holds every process of the machine. */
function refuseRoot(layout: CgroupLayout, folder: string): void {
  if (relative(cgroupFolder(layout, "/"), folder) === "") throw new Error("end a cgroup: it is the root of all");
}

function writeCgroupFile(folder: string, name: string, value: string): void {
  try {
    writeFileSync(join(folder, name), value);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENODEV")) throw error; // the cgroup was removed meanwhile
  }
}

function killProcess(layout: CgroupLayout, folder: string, pid: number): void {
  let pidfd: number;
  try {
    pidfd = openPidfd(pid);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return;
    throw error;
  }
  try {
    // Where nothing was frozen the process may have ended and another one have its number: that one is elsewhere.
    const now = cgroupFolderOf(layout, pid);
    if (now === folder || now?.startsWith(`${folder}/`) === true) signalPidfd(pidfd, SIGKILL);
  } finally {
    closeSync(pidfd);
  }
}
