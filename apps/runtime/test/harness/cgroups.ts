// Cgroups of v2 as the machine shows them.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export const cgroupRoot = "/sys/fs/cgroup";

/** The folder of the cgroup that a process is in. */
export async function cgroupOfProcess(pid: number): Promise<string> {
  const line = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n").find((one) => one.startsWith("0::"));
  return join(cgroupRoot, line?.slice("0::".length) ?? "");
}

/** The values of a cgroup's files, by name. */
export async function readCgroup(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const values = await Promise.all(names.map(async (name) => (await readFile(join(folder, name), "utf8")).trim()));
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}

/** Folders of cgroups whose path holds the text. */
export async function cgroupsNamed(text: string, folder: string = cgroupRoot): Promise<readonly string[]> {
  const below = await Promise.all((await folders(folder)).map((name) => cgroupsNamed(text, join(folder, name))));
  return [...(folder.includes(text) ? [folder] : []), ...below.flat()];
}

/** The command lines of what runs in a cgroup and below it. */
export async function processesBelow(folder: string): Promise<readonly string[]> {
  const pids = (await readFile(join(folder, "cgroup.procs"), "utf8").catch(gone))
    .split("\n")
    .filter((pid) => pid !== "");
  const own = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(gone)));
  const below = await Promise.all((await folders(folder)).map((name) => processesBelow(join(folder, name))));
  return [...own.map((argv) => argv.replaceAll("\0", " ").trim()).filter((argv) => argv !== ""), ...below.flat()]; // "" is a zombie
}

async function folders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []); // gone meanwhile
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** What is gone meanwhile has nothing in it. */
function gone(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ENODEV" || error.code === "ESRCH") return "";
  throw error;
}
