import { close, constants, fchmod, fstat } from "node:fs";
import { mkdir, open, unlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, normalize, relative } from "node:path";
import { promisify } from "node:util";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { mkdirAllInRoot } from "../sys/in-root.ts";
import { O_PATH, openat2 } from "../sys/openat2.ts";
import { isErrno } from "../sys/syscall-error.ts";

const closeAsync = promisify(close);
const fstatAsync = promisify(fstat);
const fchmodAsync = promisify(fchmod);
const mode = 0o640;

/**
 * Makes a container's log file below the pod's log folder (THREATS T8.06). conmon opens it by its path, so no part of
 * the path below the folder may be a link, and what is there must be a regular file.
 * @throws INVALID_ARGUMENT for a path that leaves the folder or that conmon can't take; FAILED_PRECONDITION for a link or
 *   anything else that is in the way
 */
export async function makeLogFile(logFolder: string, logPath: string): Promise<void> {
  const below = checkLogPath(logFolder, logPath);
  await mkdir(logFolder, { recursive: true, mode: 0o755 });
  const root = await open(logFolder, O_PATH | constants.O_DIRECTORY);
  try {
    await mkdirAllInRoot(root.fd, dirname(below));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = await openat2(root.fd, below, { flags, mode, resolve: ["beneath", "noSymlinks", "noMagicLinks"] });
    try {
      if (!(await fstatAsync(fd)).isFile()) throw inTheWay(logPath);
      await fchmodAsync(fd, mode); // whatever our umask
    } finally {
      await closeAsync(fd);
    }
  } catch (error) {
    // ENXIO: a FIFO that nobody reads, or a socket; ENOENT: a link to nowhere, seen from inside the folder
    if (isErrno(error, "ELOOP", "EXDEV", "ENOTDIR", "EISDIR", "ENXIO", "ENOENT")) throw inTheWay(logPath, error);
    throw error;
  } finally {
    await root.close();
  }
}

/** Takes an empty log file of a container back; what was written belongs to the caller. */
export async function removeEmptyLogFile(logPath: string): Promise<void> {
  try {
    const file = await open(logPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await file.stat().finally(() => file.close());
    if (stats.isFile() && stats.size === 0) await unlink(logPath);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ELOOP", "ENXIO", "ENOTDIR")) throw error;
  }
}

/** The path below the log folder. @throws INVALID_ARGUMENT */
export function checkLogPath(logFolder: string, logPath: string): string {
  const below = relative(logFolder, logPath);
  const clean = normalize(logPath) === logPath && isAbsolute(logPath) && basename(logPath) !== "";
  if (!clean || below === "" || below === ".." || below.startsWith("../") || isAbsolute(below)) {
    throw invalidArgument(`make log file: ${quote(logPath)} does not lie below ${quote(logFolder)}`, {
      hint: "log_path is relative to the pod's log_directory, without . and ..",
    });
  }
  // conmon reads DRIVER:PATH and stops at the next colon; a line's end would forge its own messages.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[:\u0000-\u001f\u007f]/.test(logPath)) {
    throw invalidArgument(`make log file: ${quote(logPath)} holds a colon or a control character`, {
      hint: "choose a log_directory and a log_path without them",
    });
  }
  return below;
}

function inTheWay(logPath: string, cause?: unknown): Error {
  return failedPrecondition(`make log file: ${quote(logPath)} is a link, or not a regular file`, {
    cause,
    hint: "remove what is there: a log file's folders and itself must be no links",
  });
}
