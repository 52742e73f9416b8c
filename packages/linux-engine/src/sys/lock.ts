import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { must, native } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

const flock = native("int flock(int fd, int operation)");
const LOCK_EX = 2;
const LOCK_NB = 4;

export interface FileLock extends Disposable {
  /** Gives the lock up. Idempotent. The file stays: removing it would let two hold locks of one name. */
  release(): void;
}

/**
 * Takes the lock of a file (flock(2)) without waiting, so that two daemons never share a folder. The kernel gives it up
 * when the process ends, however it ends. The file holds the owner's pid, for people.
 * @throws FAILED_PRECONDITION when another process, or another lock of ours, has it
 */
export function lockFile(path: string): FileLock {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    must(flock(fd, LOCK_EX | LOCK_NB), "flock", path);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(fd);
    if (!isErrno(error, "EAGAIN", "EWOULDBLOCK")) throw error;
    throw failedPrecondition(`lock ${quote(path)}: process ${quote(readFileSync(path, "utf8").trim())} has it`, {
      cause: error,
      hint: "stop the other daemon, or give this one a folder of its own",
    });
  }
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    closeSync(fd);
  };
  return { release, [Symbol.dispose]: release };
}
