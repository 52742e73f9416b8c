import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import type { ContainerLog, LogFile, LogSink } from "@keelson/runtime-core/sim";

export interface LogFilesOptions {
  /** Put in front of every path. Default: none, files stand where the caller asked for them. */
  readonly root?: string;
}

/**
 * Log files on disk, as a runtime writes them for the kubelet: mode 0640, appended to, the folders made, no link
 * followed on the way below the pod's log folder.
 */
export function createLogFiles(options: LogFilesOptions = {}): LogSink {
  const { root = "" } = options;
  return {
    async open({ directory, path }) {
      return await openLog({ directory: join(root, directory), path: join(root, path) });
    },
  };
}

async function openLog({ directory, path }: LogFile): Promise<ContainerLog> {
  await makeFolders(directory, path);
  let fd: number | undefined = openFile(path);
  return {
    write(line) {
      if (fd === undefined) throw new Error(`write log ${path}: it is closed`);
      writeAll(fd, line);
    },
    async reopen() {
      if (fd === undefined) throw new Error(`reopen log ${path}: it is closed`);
      await makeFolders(directory, path);
      const next = openFile(path);
      closeSync(fd);
      fd = next;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

async function makeFolders(directory: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const wanted = join(await realpath(directory), relative(directory, dirname(path)));
  if ((await realpath(dirname(path))) !== wanted) throw inTheWay(path);
}

function openFile(path: string): number {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  let fd: number;
  try {
    // not blocking: a FIFO without a reader would hold the whole runtime
    fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o640);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw ["ELOOP", "ENXIO", "EISDIR"].includes(code) ? inTheWay(path, error) : error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw inTheWay(path);
}

function writeAll(fd: number, line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function inTheWay(path: string, cause?: unknown): Error {
  return failedPrecondition(`open log file ${quote(path)}: it, or a folder on its way, is a link or no regular file`, {
    cause,
    hint: "remove what is there",
  });
}
