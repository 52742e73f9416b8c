import { opendir, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Sample } from "@keelson/runtime-core/ports";
import { isErrno } from "../sys/syscall-error.ts";
import { readKernelFile } from "./read-kernel-file.ts";

/** A container with more has its descriptors counted in so many processes, and so many in all looked at for sockets. */
const mostProcesses = 1_000;
const mostDescriptors = 10_000;

/**
 * What is told of a container's processes: how many there are, what they have open, and how many files the first one may.
 * @param folder of the container's cgroup, in the hierarchy by which its processes are found
 */
export async function processSamples(folder: string, initPid: number): Promise<readonly Sample[]> {
  const pids = await processesOf(folder);
  let [descriptors, sockets, left] = [0, 0, mostDescriptors];
  for (const pid of pids.slice(0, mostProcesses)) {
    const open = await openFiles(`/proc/${pid}/fd`, left);
    descriptors += open.descriptors;
    sockets += open.sockets;
    left -= open.looked;
  }
  const limits = (await readKernelFile(`/proc/${initPid}/limits`)) ?? "";
  const [, files] = /^Max open files +(\d+) /m.exec(limits) ?? [];
  return [
    { name: "container_processes", value: BigInt(pids.length) },
    { name: "container_file_descriptors", value: BigInt(descriptors) },
    { name: "container_sockets", value: BigInt(sockets) },
    ...(files === undefined
      ? []
      : [{ name: "container_ulimits_soft" as const, value: BigInt(files), labels: ["max_open_files"] }]),
  ];
}

/** Those of a cgroup and of all below it. */
async function processesOf(folder: string): Promise<readonly string[]> {
  const own = ((await readKernelFile(join(folder, "cgroup.procs"))) ?? "").split("\n").filter((line) => line !== "");
  const below = await readdir(folder, { withFileTypes: true }).catch(gone<never[]>([]));
  const inner = below.filter((entry) => entry.isDirectory()).map(({ name }) => processesOf(join(folder, name)));
  return [...own, ...(await Promise.all(inner)).flat()];
}

interface OpenFiles {
  readonly descriptors: number;
  readonly sockets: number;
  readonly looked: number;
}

/** None when the process is gone. Of what is not looked at, Linux 6.2 and newer tell the number, as the folder's size. */
async function openFiles(folder: string, mostLooked: number): Promise<OpenFiles> {
  let [sockets, looked] = [0, 0];
  try {
    if (mostLooked <= 0) return { descriptors: (await stat(folder)).size, sockets, looked };
    for await (const { name } of await opendir(folder, { bufferSize: 256 })) {
      if (looked >= mostLooked) return { descriptors: Math.max(looked, (await stat(folder)).size), sockets, looked };
      const target = await readlink(join(folder, name)).catch(gone(""));
      if (target.startsWith("socket:")) sockets++;
      looked++;
    }
    return { descriptors: looked, sockets, looked };
  } catch (error) {
    return gone({ descriptors: 0, sockets: 0, looked })(error);
  }
}

function gone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (isErrno(error, "ENOENT", "ESRCH", "ENODEV", "ENOTDIR")) return instead;
    throw error;
  };
}
