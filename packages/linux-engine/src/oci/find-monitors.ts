import { readdirSync, readFileSync } from "node:fs";
import { openProcess, type ProcessHandle, readStartTime } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { monitorName } from "./conmon.ts";

/**
 * Finds monitors among all processes by their name and arguments (`monitorMark`, `commandMark`): for the one case in which
 * no record can know their pid, the death of the daemon right after it started one. The caller closes the handles. Only processes of
 * that name are asked for their arguments: one that hangs in the kernel may keep whoever asks it.
 */
export function findMonitors(mark: readonly string[]): readonly ProcessHandle[] {
  const wanted = `\0${mark.join("\0")}\0`;
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const pid = Number(name);
    if (read(`/proc/${pid}/comm`).trimEnd() !== monitorName) return [];
    const startTime = readStartTime(pid);
    if (startTime === undefined || !read(`/proc/${pid}/cmdline`).includes(wanted)) return [];
    const handle = openProcess(pid, startTime);
    return handle === undefined ? [] : [handle];
  });
}

/** "" when the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return "";
    throw error;
  }
}
