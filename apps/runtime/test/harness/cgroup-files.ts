// What the kernel shows of a process's cgroups, whichever version: beside it stands what the runtime answers.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The folder of a process's cgroup: of v2 when the controllers are there, else in the hierarchy of this controller. */
export async function cgroupFolderOf(pid: number, controller: string): Promise<string> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n").map((line) => line.split(":"));
  const v1 = lines.find(([, names]) => names?.split(",").includes(controller));
  if (v1 !== undefined) return join("/sys/fs/cgroup", controller, v1.slice(2).join(":"));
  return join(
    "/sys/fs/cgroup",
    lines
      .find(([number]) => number === "0")
      ?.slice(2)
      .join(":") ?? "",
  );
}

/** The first of these files that is there, trimmed: what v1 and v2 call the same thing. */
export async function readFirst(folder: string, ...names: readonly string[]): Promise<string> {
  for (const name of names) {
    const text = await readFile(join(folder, name), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text !== undefined) return text.trim();
  }
  throw new Error(`${folder} has none of ${names.join(", ")}`);
}

/** CPU time in nanoseconds. */
export async function cpuTimeOf(pid: number): Promise<bigint> {
  const text = await readFirst(await cgroupFolderOf(pid, "cpuacct"), "cpuacct.usage", "cpu.stat");
  const [, usec] = /^usage_usec (\d+)$/m.exec(text) ?? [];
  return usec === undefined ? BigInt(text) : BigInt(usec) * 1000n;
}

/** Bytes of memory: all, what of it is page cache that was not used lately, and anonymous. */
export async function memoryOf(
  pid: number,
): Promise<{ readonly usage: bigint; readonly inactiveFile: bigint; readonly anonymous: bigint }> {
  const folder = await cgroupFolderOf(pid, "memory");
  const usage = BigInt(await readFirst(folder, "memory.usage_in_bytes", "memory.current"));
  const stat = await readFirst(folder, "memory.stat");
  const line = (...names: readonly string[]): bigint => {
    for (const name of names) {
      const [, value] = new RegExp(`^${name} (\\d+)$`, "m").exec(stat) ?? [];
      if (value !== undefined) return BigInt(value);
    }
    throw new Error(`memory.stat has none of ${names.join(", ")}`);
  };
  return { usage, inactiveFile: line("total_inactive_file", "inactive_file"), anonymous: line("total_rss", "anon") };
}
