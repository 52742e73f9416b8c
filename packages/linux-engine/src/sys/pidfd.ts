import { closeSync, readFileSync } from "node:fs";
import { must, native } from "./libc.ts";
import { watchReadable } from "./poll.ts";
import { isErrno } from "./syscall-error.ts";

const SYS_PIDFD_SEND_SIGNAL = 424; // these numbers are the same on x64 and arm64
const SYS_PIDFD_OPEN = 434;

const syscall2 = native("long syscall(long number, long a, long b)");
const syscall4 = native("long syscall(long number, long fd, long signal, void *info, long flags)");

/** What `/proc/PID/stat` says of a process (proc(5)). */
export interface ProcessStat {
  /** `R`, `S`, `D`, `Z` (dead, not yet reaped)… */
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks since boot; with the pid it names a process for as long as the machine is up. */
  readonly startTime: number;
}

/** Reads `/proc/PID/stat`; undefined when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
  // The second field is the command in parentheses and may hold anything, also parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid] = fields;
  return { state: state ?? "?", parentPid: Number(parentPid), startTime: Number(fields[19]) };
}

/** The start time of a process in clock ticks since boot; undefined when there is no such process. */
export function readStartTime(pid: number): number | undefined {
  return readProcessStat(pid)?.startTime;
}

/** Opens a descriptor for a process, closed on exec. The caller owns it. @throws SyscallError ESRCH when it is gone */
export function openPidfd(pid: number): number {
  return must(syscall2(SYS_PIDFD_OPEN, pid, 0), "pidfd_open", String(pid));
}

/** Sends a signal (0 only asks); false when the process is gone. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  try {
    must(syscall4(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, null, 0), "pidfd_send_signal", String(signal));
    return true;
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
    throw error;
  }
}

/**
 * A process that we did not start (an adopted conmon, a container's first process): opened, then watched and signalled
 * through its pidfd, so that a reused pid is never hit.
 */
export interface ProcessHandle extends Disposable {
  readonly pid: number;
  readonly startTime: number;
  /** Resolves when the process has ended, reaped or not; never when the handle was closed before. */
  readonly exited: Promise<void>;
  /** Sends a signal; false when the process is gone. */
  signal(signal: number): boolean;
  /** True while the process has not ended. */
  isRunning(): boolean;
  /** The watch no longer keeps our own process alive. */
  unref(): void;
  /** Stops watching. Idempotent; the process itself is left alone. */
  close(): void;
}

/**
 * Opens the process that has this pid and this start time; undefined when there is none (it ended, perhaps another has
 * its pid now). A dead process that nobody has reaped counts as gone.
 */
export function openProcess(pid: number, startTime: number): ProcessHandle | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  let pidfd: number;
  try {
    pidfd = openPidfd(pid);
  } catch (error) {
    if (isErrno(error, "ESRCH", "EINVAL")) return undefined; // EINVAL: a thread's number, not a process's
    throw error;
  }
  try {
    // Read after the descriptor was opened: if both agree, the descriptor is of the process that was meant.
    if (isAlive(pid, startTime)) return watchProcess(pid, startTime, pidfd);
  } catch (error) {
    closeSync(pidfd);
    throw error;
  }
  closeSync(pidfd);
  return undefined;
}

function isAlive(pid: number, startTime: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

function watchProcess(pid: number, startTime: number, pidfd: number): ProcessHandle {
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  let state: "running" | "ended" | "closed" = "running";
  const end = (next: "ended" | "closed"): void => {
    if (state !== "running") return;
    state = next;
    watch.close();
    closeSync(pidfd);
    if (next === "ended") resolve();
  };
  const watch = watchReadable(pidfd, () => end("ended"));
  const close = (): void => end("closed");
  return {
    pid,
    startTime,
    exited,
    signal: (signal) => state === "running" && signalPidfd(pidfd, signal),
    isRunning: () => state === "running" && isAlive(pid, startTime),
    unref: () => watch.unref(),
    close,
    [Symbol.dispose]: close,
  };
}
