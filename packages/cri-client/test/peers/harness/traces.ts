// What a node leaves on its machine: mounts, shims, containers, and containerd's own places.
import { execFile } from "node:child_process";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { PodCgroup } from "./pod-cgroup.ts";
import { until } from "./until.ts";

/** A shim ends some time after its pod. */
const patienceMs = 10_000;

/** Waits until neither a process nor a mount of the node is there. @returns what was left, after ending it */
export async function endTraces(folder: string, cgroup: PodCgroup): Promise<readonly string[]> {
  let left: readonly string[] = [];
  const nothingLeft = async (): Promise<boolean> => {
    const processes = [...(await shims(folder)), ...(await cgroup.processes())];
    const lines = await Promise.all(processes.map(async (pid) => `process ${pid}: ${(await argvOf(pid)).join(" ")}`));
    left = [...lines, ...(await mounts(folder)).map((path) => `mount ${path}`)];
    return left.length === 0;
  };
  await until("nothing is left behind", patienceMs, nothingLeft).catch(async () => {
    for (const pid of [...(await shims(folder)), ...(await cgroup.processes())]) kill(pid);
    for (const path of await mounts(folder)) await promisify(execFile)("umount", ["--lazy", path]);
  });
  return left;
}

/** Removes the folders that containerd's shims have beside the configured ones, where they are empty and nobody needs them. */
export async function removeSharedFolders(): Promise<void> {
  if ((await processesWith((argv) => /(?:^|\/)containerd(?:-shim[^/]*)?$/.test(argv[0] ?? ""))).length > 0) return;
  for (const name of ["s", "fifo", "runc/k8s.io", "runc", ""]) {
    await rmdir(join("/run/containerd", name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT" && error.code !== "ENOTEMPTY") throw error;
    });
  }
}

/** Containerd and its shims: each names the folder in its command line. */
function shims(folder: string): Promise<readonly number[]> {
  return processesWith(
    (argv) => /\/containerd[^/]*$/.test(argv[0] ?? "") && argv.some((word) => word.includes(folder)),
  );
}

async function processesWith(matches: (argv: readonly string[]) => boolean): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(pids.map(argvOf));
  return pids.filter((_, index) => matches(lines[index] ?? []));
}

/** Nothing when it has ended meanwhile. */
async function argvOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
}

/** The innermost first. */
async function mounts(folder: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const points = lines.map((line) => line.split(" ")[4] ?? "");
  return points.filter((point) => point.startsWith(`${folder}/`)).toReversed();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
