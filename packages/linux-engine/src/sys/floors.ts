import { release } from "node:os";
import { changeMount } from "./bind-mount.ts";
import { closeAll } from "./descriptor.ts";
import { findProgram } from "./find-program.ts";
import { libcVersion } from "./libc.ts";
import { AT_FDCWD, O_PATH, openat2 } from "./openat2.ts";
import { openPidfd } from "./pidfd.ts";
import { run } from "./run.ts";
import { isErrno } from "./syscall-error.ts";

/** What the engine stands on and cannot do without. */
export type FloorName =
  | "node"
  | "kernel"
  | "glibc"
  | "pidfd_open"
  | "openat2"
  | "mount_setattr"
  | "conmon"
  | "bwrap"
  | "runc"
  | "crun";

/** The lowest version that will do; the system calls are tried. */
export const floors: Readonly<Partial<Record<FloorName, string>>> = {
  node: "24.21",
  kernel: "5.14",
  glibc: "2.34",
  conmon: "2.1",
  bwrap: "0.8",
  runc: "1.1",
  crun: "1.8",
};

const needs: Readonly<Record<FloorName, string>> = {
  node: "an HTTP/2 server that hostile frames were tried on",
  kernel: "pidfd, openat2, mount_setattr and cgroup.kill",
  glibc: "starting processes without leaking descriptors",
  pidfd_open: "watching processes",
  openat2: "reading files of images safely",
  mount_setattr: "read-only mounts",
  conmon: "keeping containers and their logs",
  bwrap: "confining what unpacks images",
  runc: "running containers",
  crun: "running containers",
};

/** A version as found; `works` for a system call; undefined when it is not there. */
export type FloorFacts = Readonly<Record<FloorName, string | undefined>>;

/**
 * What is below its floor, a sentence each; empty when all is well. Of the two OCI runtimes one is enough, and one that is
 * there but too old is no more than a remark when the other will do.
 */
export function belowFloors(facts: FloorFacts): readonly string[] {
  const runtimes: readonly FloorName[] = ["runc", "crun"];
  const names = Object.keys(needs) as FloorName[];
  const below = (name: FloorName): boolean => {
    const found = facts[name];
    return found === undefined || compareVersions(found, floors[name] ?? "0") < 0;
  };
  const single = names
    .filter((name) => !runtimes.includes(name) && below(name))
    .map((name) => sentence(name, facts[name]));
  return runtimes.every(below)
    ? [...single, `${runtimes.map((name) => sentence(name, facts[name])).join("; ")}: one of both is enough`]
    : single;
}

/** Reads kernel, library and tools. Programs are looked for in the system's folders unless a path is given. */
export async function readFloorFacts(paths: Partial<Record<FloorName, string>> = {}): Promise<FloorFacts> {
  const tool = (name: FloorName): Promise<string | undefined> => toolVersion(paths[name] ?? findProgram(name));
  const [conmon, bwrap, runc, crun] = await Promise.all([tool("conmon"), tool("bwrap"), tool("runc"), tool("crun")]);
  return {
    node: process.versions.node,
    kernel: release(),
    glibc: libcVersion(),
    pidfd_open: await works(() => closeAll([openPidfd(process.pid)])),
    openat2: await works(async () =>
      closeAll([await openat2(AT_FDCWD, "/", { flags: O_PATH, resolve: ["noMagicLinks"] })]),
    ),
    mount_setattr: await works(() => changeMount("/", {})),
    conmon,
    bwrap,
    runc,
    crun,
  };
}

/** Compares dotted versions by their leading numbers: `1.1.5+ds1` is above `1.1`, `6.18.44-fc` above `5.14`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  return (/^\d+(?:\.\d+){0,3}/.exec(version)?.[0] ?? "").split(".").map(Number);
}

function sentence(name: FloorName, found: string | undefined): string {
  const floor = floors[name];
  const is = found === undefined ? `${name} is not there` : `${name} is ${found}`;
  return `${is}, and keelson needs ${floor === undefined ? "it" : `${floor} or newer`} for ${needs[name]}`;
}

async function toolVersion(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { stdout } = await run([path, "--version"], { deadlineMs: 10_000, anyExit: true });
  return /\b\d+\.\d+[^\s]*/.exec(stdout.toString())?.[0];
}

async function works(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
  } catch (error) {
    if (isErrno(error, "ENOSYS", "EPERM")) return undefined; // EPERM: a seccomp filter in the way
    throw error;
  }
  return "works";
}
