import { readdir, readFile } from "node:fs/promises";
import { constants } from "node:os";
import { openProcess, readStartTime } from "../../sys/pidfd.ts";
import { isErrno } from "../../sys/syscall-error.ts";

/**
 * Ends plugins of an attachment that outlived the runtime which started them. A killed runtime's ADD goes on by itself:
 * what it made after our DEL would never be given back. They are known by the parameters in their environment.
 */
export async function endStragglers(containerId: string): Promise<void> {
  const needle = `CNI_CONTAINERID=${containerId}`;
  const pids = (await readdir("/proc")).filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
  for (const pid of pids) {
    // The start time is read first: if the pid changed hands in between, the process below is not opened.
    const startTime = readStartTime(pid);
    if (startTime === undefined || !(await environment(pid)).includes(needle)) continue;
    using straggler = openProcess(pid, startTime);
    straggler?.signal(constants.signals.SIGKILL);
    await straggler?.exited;
  }
}

/** The environment that a process was started with; empty for one that is gone. */
async function environment(pid: number): Promise<readonly string[]> {
  try {
    return (await readFile(`/proc/${pid}/environ`, "latin1")).split("\0");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return [];
    throw error;
  }
}
