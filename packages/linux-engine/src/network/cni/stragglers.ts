import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { openProcess, readStartTime } from "../../sys/pidfd.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import { asObject, field } from "./foreign-json.ts";
import type { NetworkList } from "./network-list.ts";

/**
 * Ends plugins of an attachment that outlived the runtime which started them. A killed runtime's ADD goes on by itself:
 * what it made after our DEL would never be given back.
 *
 * Each plugin was started as the leader of a session, and knows its attachment by its environment. Only leaders that are
 * named as a plugin are asked for it: reading the environment of a process that hangs in the kernel may hang too.
 */
export async function endStragglers(containerId: string, list: NetworkList): Promise<void> {
  const names = pluginNames(list);
  const processes = readdirSync("/proc").flatMap((name) => (/^[1-9]\d*$/.test(name) ? readProcess(Number(name)) : []));
  for (const leader of processes) {
    if (leader.session !== leader.pid || !names.has(leader.name)) continue;
    if (!readEnvironment(leader.pid).includes(`CNI_CONTAINERID=${containerId}`)) continue;
    for (const one of processes.filter((each) => each.session === leader.pid)) await end(one);
  }
}

interface FoundProcess {
  readonly pid: number;
  /** Cut by the kernel to 15 bytes. */
  readonly name: string;
  readonly session: number;
  readonly startTime: number;
}

/** The types that run for a list: its plugins, and what they start by their own configuration. */
function pluginNames(list: NetworkList): ReadonlySet<string> {
  const inner = list.plugins.flatMap(({ object }) =>
    ["ipam", "delegate"].flatMap((key) => {
      const value = field(object, key);
      return typeof value === "object" && value !== null ? [field(asObject(value, key), "type")] : [];
    }),
  );
  const types = [...list.plugins.map((plugin) => plugin.type), ...inner];
  return new Set(types.flatMap((type) => (typeof type === "string" ? [type.slice(0, 15)] : [])));
}

function readProcess(pid: number): readonly FoundProcess[] {
  const startTime = readStartTime(pid);
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (startTime === undefined || stat === undefined) return [];
  // proc(5): `PID (NAME) STATE PPID PGRP SESSION …`, and a name may hold parentheses.
  const end = stat.lastIndexOf(")");
  const session = Number(stat.slice(end + 2).split(" ")[3]);
  return [{ pid, name: stat.slice(stat.indexOf("(") + 1, end), session, startTime }];
}

/** Only if it is still the process that was found. */
async function end(found: FoundProcess): Promise<void> {
  using straggler = openProcess(found.pid, found.startTime);
  straggler?.signal(constants.signals.SIGKILL);
  await straggler?.exited;
}

function readEnvironment(pid: number): readonly string[] {
  return readIfThere(`/proc/${pid}/environ`)?.split("\0") ?? [];
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}
