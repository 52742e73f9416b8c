import { closeSync } from "node:fs";
import { must, native } from "./libc.ts";

const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;

const pipe2 = native("int pipe2(_Out_ int *ends, int flags)");
const fcntl = native("int fcntl(int fd, int command, long argument)");

/** Both ends of a pipe, closed on exec. The caller owns them. */
export function openPipe(): { readonly readFd: number; readonly writeFd: number } {
  const ends = [-1, -1];
  must(pipe2(ends, O_CLOEXEC), "pipe2");
  return { readFd: ends[0] ?? -1, writeFd: ends[1] ?? -1 };
}

/** A second number, at least `atLeast`, for what `fd` is; closed on exec. */
export function duplicate(fd: number, atLeast = 3): number {
  return must(fcntl(fd, F_DUPFD_CLOEXEC, atLeast), "fcntl F_DUPFD_CLOEXEC", String(fd));
}

/** Descriptors that are closed together, each once; a failure does not keep the others open. */
export function closeAll(fds: Iterable<number>): void {
  const failures: unknown[] = [];
  for (const fd of fds) {
    try {
      closeSync(fd);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "close descriptors");
}
