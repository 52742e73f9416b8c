// What numbers depend on: the machine, the programs, the commit.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import process from "node:process";
import { promisify } from "node:util";
import { findProgram, optionalProgram } from "./runtimes.ts";

const run = promisify(execFile);
const repository = new URL("..", import.meta.url).pathname;

export interface Circumstances {
  readonly measuredAt: string;
  readonly commit: string;
  /** There were changes that no commit has. */
  readonly dirty: boolean;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryMiB: number;
    readonly architecture: string;
    readonly kernel: string;
    readonly system: string;
    readonly cgroups: "v1" | "v2" | "hybrid";
    /** Runnable processes on average over the minute before: more than 0 means that it was shared. */
    readonly loadBefore: number;
  };
  readonly versions: Readonly<Record<string, string>>;
}

/** @param versions of the programs that are measured and of what they use; Node's own is added */
export async function readCircumstances(versions: Readonly<Record<string, string>>): Promise<Circumstances> {
  const git = async (...args: string[]): Promise<string> => (await run("git", ["-C", repository, ...args])).stdout;
  return {
    measuredAt: new Date().toISOString(),
    commit: (await git("rev-parse", "HEAD")).trim(),
    dirty: (await git("status", "--porcelain")) !== "",
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryMiB: Math.round(totalmem() / 1024 ** 2),
      architecture: arch(),
      kernel: release(),
      system: /^PRETTY_NAME="(.*)"$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "unknown",
      cgroups: await cgroupVersion(),
      loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    },
    versions: {
      ...versions,
      node: process.version,
    },
  };
}

/** The runtimes with what they use for pods and pulls on this machine. */
export async function withToolVersions(
  runtimes: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  return {
    ...runtimes,
    runc: await firstWords("runc", "--version", /version (\S+)/),
    conmon: await firstWords("conmon", "--version", /version (\S+)/),
    "docker-registry": await firstWords("docker-registry", "--version", /(\S+)$/),
    ...("containerd" in runtimes ? { "containerd's gunzip": gunzip() } : {}),
  };
}

/** What containerd inflates with, by its own order of preference. */
function gunzip(): string {
  return ["igzip", "unpigz"].find((name) => optionalProgram(name) !== undefined) ?? "built in";
}

async function firstWords(name: string, flag: string, pattern: RegExp): Promise<string> {
  const { stdout, stderr } = await run(findProgram(name), [flag]);
  return pattern.exec((stdout + stderr).split("\n")[0] ?? "")?.[1] ?? "unknown";
}

async function cgroupVersion(): Promise<"v1" | "v2" | "hybrid"> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  const v1 = / - cgroup /.test(mounts);
  if (!v1) return "v2";
  return / - cgroup2 /.test(mounts) ? "hybrid" : "v1";
}
