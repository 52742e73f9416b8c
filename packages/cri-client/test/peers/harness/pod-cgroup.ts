import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";

export interface PodCgroup {
  /** For `cgroup_parent`. */
  readonly path: string;
  /** What runs in it and below. */
  processes(): Promise<readonly number[]>;
  /** Removes it with all empty cgroups below. Idempotent. */
  close(): Promise<void>;
}

/** A cgroup in every hierarchy of this machine, made before the pods as the kubelet makes it. */
export async function makePodCgroup(): Promise<PodCgroup> {
  const path = `/keelson-peers-${randomBytes(4).toString("hex")}`;
  const folders = (await cgroupMounts()).map((mount) => join(mount, path));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const close = async (): Promise<void> => {
    for (const folder of folders) if (existsSync(folder)) await removeTree(folder);
  };
  const processes = async (): Promise<readonly number[]> => [
    ...new Set((await Promise.all(folders.map(processesBelow))).flat()),
  ];
  return { path, processes, close };
}

/** False where the kernel has a cgroup controller that is mounted nowhere: then containerd's shims can't read statistics. */
export async function everyControllerIsMounted(): Promise<boolean> {
  const mounted = (await cgroupLines()).flatMap((line) => line.split(" ").at(-1)?.split(",") ?? []);
  const controllers = (await readFile("/proc/self/cgroup", "utf8")).split("\n").map((line) => line.split(":")[1] ?? "");
  return controllers.flatMap((names) => names.split(",")).every((name) => name === "" || mounted.includes(name));
}

/** Each once: one may be mounted over another. */
async function cgroupMounts(): Promise<readonly string[]> {
  return [...new Set((await cgroupLines()).map((line) => line.split(" ")[4] ?? ""))];
}

async function cgroupLines(): Promise<readonly string[]> {
  return (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => / - cgroup2? /.test(line));
}

async function processesBelow(folder: string): Promise<readonly number[]> {
  const own = (await readFile(join(folder, "cgroup.procs"), "utf8").catch(gone))
    .split("\n")
    .filter((pid) => pid !== "");
  const inner = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter((entry) => entry.isDirectory());
  return [
    ...own.map(Number),
    ...(await Promise.all(inner.map(({ name }) => processesBelow(join(folder, name))))).flat(),
  ];
}

/** What is gone meanwhile has nothing in it. */
function gone(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ENODEV") return "";
  throw error;
}

async function removeTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
}
