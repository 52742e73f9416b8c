import { readdirSync, readFileSync } from "node:fs";
import { openProcess, type ProcessHandle, readStartTime } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { monitorMark } from "./conmon.ts";

/**
 * Finds the monitors of a bundle among all processes by their arguments: for the one case in which no record can know
 * their pid, the death of the daemon right after it started one. The caller closes the handles.
 */
export function findMonitors(bundle: string): readonly ProcessHandle[] {
  const mark = `\0${monitorMark(bundle).join("\0")}\0`;
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const pid = Number(name);
    const startTime = readStartTime(pid);
    if (startTime === undefined || !readArguments(pid).includes(mark)) return [];
    const handle = openProcess(pid, startTime);
    return handle === undefined ? [] : [handle];
  });
}

function readArguments(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return "";
    throw error;
  }
}
