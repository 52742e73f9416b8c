import { close, open, read } from "node:fs";
import { isErrno } from "../sys/syscall-error.ts";

const chunkBytes = 16 * 1024;
// What the kernel lists line by line comes in pieces of whole lines that fill a page, and no page is smaller than 4 KiB.
const leastOfMany = 2 * 1024;
// more is no cgroup file; memory.stat of a machine with many nodes has some ten KiB
const mostBytes = 256 * 1024;

/**
 * The text of a file that the kernel makes as it is read (cgroups, /proc), off the event loop: three calls where
 * `readFile` makes five. Undefined when it is gone, with its cgroup, or is not served by this kernel.
 */
export async function readKernelFile(path: string): Promise<string | undefined> {
  try {
    const fd = await openFile(path);
    try {
      return await readAll(fd);
    } finally {
      await closeFile(fd);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "ESRCH", "ENOTDIR", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

async function readAll(fd: number): Promise<string> {
  const buffer = Buffer.alloc(chunkBytes);
  let text = "";
  for (;;) {
    const size = await readSome(fd, buffer);
    text += buffer.toString("latin1", 0, size);
    if (size < leastOfMany || text.length >= mostBytes) return text;
  }
}

function openFile(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, "r", (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function readSome(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, size) => (error === null ? resolve(size) : reject(error)));
  });
}

function closeFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}
