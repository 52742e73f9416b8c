import { type BigIntStats, close, closeSync, constants, openSync, writeSync } from "node:fs";
import { lstat, open, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { deadlineExceeded, failedPrecondition, quote } from "@keelson/cri-api/errors";
import { O_PATH, openat2 } from "../sys/openat2.ts";
import { readProcessStat } from "../sys/pidfd.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { checkLogPath } from "./log-file.ts";
import type { RecordedProcess } from "./steps/run-monitor.ts";

export interface ReopenRequest {
  readonly id: string;
  /** Where conmon's control FIFO is. */
  readonly bundle: string;
  readonly monitor: RecordedProcess;
  /** The pod's log folder. */
  readonly logFolder: string;
  readonly logPath: string;
}

const closeAsync = promisify(close);
const deadlineMs = 10_000;
/** conmon's control messages are `TYPE HEIGHT WIDTH`; 1 is a terminal's size. */
const reopenMessage = "2 0 0\n";

/**
 * Has conmon go on in a new log file, after the caller has renamed the old one (THREATS T8.06).
 *
 * conmon 2.1 opens `PATH.tmp` by its path, truncates it and renames it over the log; when it can't, it ends. So nothing
 * reaches it that would fail or spoil something: the folders are walked without links, `PATH.tmp` is removed whatever it
 * is and made anew by us, and where the log was not renamed there is nothing to do.
 * @throws FAILED_PRECONDITION when conmon has ended, or something is in the way: then there is no new file
 */
export async function reopenLog(request: ReopenRequest): Promise<void> {
  const below = checkLogPath(request.logFolder, request.logPath);
  const folder = await openLogFolder(request, dirname(below));
  try {
    const path = `/proc/self/fd/${folder}/${basename(below)}`; // from the folder that was looked at, whatever is renamed
    if (await isWrittenNow(request, path)) return;
    const made = await makeEmpty(request, folder, `${basename(below)}.tmp`);
    try {
      tellMonitor(request);
      await untilRenamed(request, path, made);
    } catch (error) {
      await rm(`${path}.tmp`, { force: true });
      throw error;
    }
  } finally {
    await closeAsync(folder);
  }
}

async function openLogFolder({ id, logFolder, logPath }: ReopenRequest, below: string): Promise<number> {
  try {
    const root = await open(logFolder, O_PATH | constants.O_DIRECTORY);
    try {
      return await openat2(root.fd, below, {
        flags: O_PATH | constants.O_DIRECTORY,
        resolve: ["beneath", "noSymlinks", "noMagicLinks"],
      });
    } finally {
      await root.close();
    }
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ENOTDIR", "ELOOP", "EXDEV")) throw cause;
    throw failedPrecondition(
      `reopen the log of container ${id}: the folder of ${quote(logPath)} is gone, or a link is on its way`,
      { cause, hint: "a log file's folders must be no links, and stay while the container runs" },
    );
  }
}

/**
 * Whether the file at the log's path is the one that conmon writes: then nobody has renamed it, or a call before this
 * one has done all.
 */
async function isWrittenNow(request: ReopenRequest, path: string): Promise<boolean> {
  const found = await statIfThere(path);
  if (found === undefined) return false;
  if (found.isFile()) {
    if (await isOpenIn(request, found)) return true;
    if (found.size === 0n) return false; // who rotates logs may have made it, and conmon's takes its place
  }
  throw failedPrecondition(
    `reopen the log of container ${request.id}: ${quote(request.logPath)} is another file than the one that is written`,
    { hint: "rename the log and leave its path free" },
  );
}

async function isOpenIn(request: ReopenRequest, file: BigIntStats): Promise<boolean> {
  const folder = `/proc/${request.monitor.pid}/fd`;
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) throw gone(request);
    throw error;
  }
  const opened = await Promise.all(
    names.map((name) => stat(join(folder, name), { bigint: true }).catch(absentAs(undefined))),
  );
  return opened.some((one) => one?.ino === file.ino && one.dev === file.dev);
}

/** Made beforehand: it is a file of its own, has the right mode, and the file system takes one more. */
async function makeEmpty({ id, logPath }: ReopenRequest, folder: number, name: string): Promise<BigIntStats> {
  try {
    await rm(`/proc/self/fd/${folder}/${name}`, { force: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(`/proc/self/fd/${folder}/${name}`, flags, 0o640);
    try {
      await file.chmod(0o640); // whatever our umask
      return await file.stat({ bigint: true });
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw failedPrecondition(`reopen the log of container ${id}: ${quote(`${logPath}.tmp`)} can't be made`, {
      cause,
      hint: "look for a full or read-only file system, or a folder of this name",
    });
  }
}

function tellMonitor(request: ReopenRequest): void {
  let fifo: number;
  try {
    fifo = openSync(join(request.bundle, "ctl"), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, "ENXIO", "ENOENT")) throw gone(request); // nobody reads it
    throw error;
  }
  try {
    writeSync(fifo, reopenMessage);
  } finally {
    closeSync(fifo);
  }
}

async function untilRenamed(request: ReopenRequest, path: string, made: BigIntStats): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    const alive = isAlive(request.monitor); // before the look at the file
    const found = await statIfThere(path);
    if (found?.ino === made.ino && found.dev === made.dev) return;
    if (!alive) throw gone(request);
    if (performance.now() > until) {
      throw deadlineExceeded(`reopen the log of container ${request.id}: conmon has not done it in ${deadlineMs} ms`, {
        hint: "see whether the file system of the log answers",
      });
    }
    await delay(pauseMs);
  }
}

function isAlive({ pid, startTime }: RecordedProcess): boolean {
  const found = readProcessStat(pid);
  return found?.startTime === startTime && found.state !== "Z";
}

function gone({ id }: ReopenRequest): Error {
  return failedPrecondition(`reopen the log of container ${id}: it has ended`);
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  return await lstat(path, { bigint: true }).catch(absentAs(undefined));
}

function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isErrno(error, "ENOENT", "ESRCH")) return value;
    throw error;
  };
}
