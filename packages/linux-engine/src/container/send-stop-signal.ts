import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessHandle } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";

const firstWaitMs = 10;
const longestWaitMs = 500;

/**
 * Sends a container's first process its stop signal as soon as it can arrive. From outside of its PID namespace the
 * kernel drops what that process neither catches nor blocks, so that a signal sent right after the start, before the
 * program has set its handler, would be lost, and the stop would take the whole grace. One that never sets a handler gets
 * none: nothing would come of it.
 * @returns when it is sent or the process has ended or is watched no more
 */
export async function sendStopSignal(process: ProcessHandle, signal: number): Promise<void> {
  for (let waitMs = firstWaitMs; process.isRunning(); waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    const status = await readStatus(process.pid);
    if (status !== undefined && canArrive(status, signal)) {
      process.signal(signal);
      return;
    }
    await delay(waitMs, undefined, { ref: false });
  }
}

/** Whether the process of a `/proc/PID/status` (proc(5)) does something with a signal that comes now. */
export function canArrive(status: string, signal: number): boolean {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  // runc's own process catches every signal, and drops it, until the program takes its place shortly after the start
  const isOfRuntime = /^\w+:\[\d:INIT\]$/.test(field("Name"));
  const isFirst = field("NSpid").split(/\s+/).at(-1) === "1";
  const has = (mask: string): boolean => ((BigInt(`0x${field(mask) || "0"}`) >> BigInt(signal - 1)) & 1n) === 1n;
  // the namespace's first process is spared the default of every signal, SIGKILL and SIGSTOP from outside excepted
  return !isFirst || signal === 9 || signal === 19 || (!isOfRuntime && (has("SigCgt") || has("SigBlk")));
}

async function readStatus(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/status`, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
