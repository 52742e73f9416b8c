import { stat, statfs } from "node:fs/promises";
import type { SandboxRecord } from "@keelson/runtime-core/ports";
import { hostNamespaces } from "../spec/namespaces.ts";
import { isPinned } from "../sys/namespace-pin.ts";
import { readProcessStat } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { recordedInit, recordedPins } from "./sandbox-parts.ts";
import { type EngineFolders, sandboxPaths } from "./sandbox-paths.ts";

const tmpfsMagic = 0x01021994;

/**
 * Whether what a READY sandbox is made of is still there: its pinned namespaces (the very same ones), its shared memory,
 * the first process of shared process IDs, and the folder that no reboot leaves. Undefined when it is whole; else one sentence that says what is gone.
 */
export async function whyNotWhole(record: SandboxRecord, folders: EngineFolders): Promise<string | undefined> {
  const pins = recordedPins(record);
  for (const [kind, path] of Object.entries(pins?.plan.pins ?? {})) {
    if (!(await isPinned(path))) return `its ${kind} namespace is no longer pinned at ${path}`;
    const inode = pins?.facts?.[kind as keyof typeof pins.facts];
    if (inode !== undefined && String((await stat(path)).ino) !== inode) {
      return `another ${kind} namespace is pinned at ${path}`;
    }
  }
  if (pins !== undefined && !(await isThere(pins.plan.folder))) return `its folder ${pins.plan.folder} is gone`;
  const init = recordedInit(record);
  if (init !== undefined) {
    if (init.facts === undefined || !isRunning(init.facts.init))
      return "the first process of its shared process IDs has ended";
    if (!(await isPinned(init.plan.pin))) return `its pid namespace is no longer pinned at ${init.plan.pin}`;
    if (String((await stat(init.plan.pin)).ino) !== init.facts.inode) {
      return `another pid namespace is pinned at ${init.plan.pin}`;
    }
  }
  if (!hostNamespaces(record.config).ipc) {
    const { shm } = sandboxPaths(folders, record.id);
    if (!(await isTmpfs(shm))) return `its shared memory is no longer mounted at ${shm}`;
  }
  return undefined;
}

function isRunning({ pid, startTime }: { readonly pid: number; readonly startTime: number }): boolean {
  const stat = readProcessStat(pid);
  return stat?.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** The state folder may be on a tmpfs itself, as `/run` is: then only a mount of its own counts. */
async function isTmpfs(path: string): Promise<boolean> {
  try {
    const [own, around] = await Promise.all([stat(path), stat(`${path}/..`)]);
    return own.dev !== around.dev && (await statfs(path)).type === tmpfsMagic;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}
