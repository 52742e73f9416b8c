// What a runtime costs the machine: its daemon, what the daemon has started, and the monitor of each container or pod.
import { readdir, readFile } from "node:fs/promises";
import type { Runtime } from "../runtimes.ts";

/** A runtime's processes without the containers' own: the daemon with its descendants, and its monitors or shims. */
export async function processesOf(runtime: Runtime, folder: string): Promise<readonly number[]> {
  const monitor = runtime.name === "keelsond" ? /^(?:\S*\/)?conmon\0/ : /^(?:\S*\/)?containerd-shim[^\0]*\0/;
  const parents = new Map<number, number>();
  const monitors: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const [stat, command] = await Promise.all([readProc(pid, "stat"), readProc(pid, "cmdline")]);
    parents.set(pid, Number(/\) \S (\d+) /.exec(stat)?.[1]));
    if (monitor.test(command) && command.includes(folder)) monitors.push(pid);
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === runtime.pid || (pid > 1 && isBelow(parents.get(pid))));
  return [...new Set([...[...parents.keys()].filter(isBelow), ...monitors])];
}

/**
 * The time that processes have had on a processor, in microseconds: what `utime` and `stime` of proc(5) say, from each
 * thread's `schedstat`, which counts nanoseconds where those count hundredths of a second. A thread that has ended in
 * between is missing.
 */
export async function cpuMicros(pids: readonly number[]): Promise<number> {
  const each = pids.map(async (pid) => {
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []); // it has ended
    const times = threads.map(async (thread) =>
      Number((await readProc(pid, `task/${thread}/schedstat`)).split(" ")[0]),
    );
    return (await Promise.all(times)).reduce((sum, ns) => sum + ns, 0);
  });
  return (await Promise.all(each)).reduce((sum, ns) => sum + ns, 0) / 1000;
}

/** The proportional share of processes in the machine's memory, in MiB. */
export async function memoryMiB(pids: readonly number[]): Promise<number> {
  let kib = 0;
  for (const pid of pids) kib += Number(/^Pss:\s+(\d+) kB$/m.exec(await readProc(pid, "smaps_rollup"))?.[1] ?? 0);
  return kib / 1024;
}

/** Empty when the process has ended. */
async function readProc(pid: number, file: string): Promise<string> {
  return await readFile(`/proc/${pid}/${file}`, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  });
}
