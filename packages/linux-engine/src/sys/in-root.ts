import { close, constants, fstat, type Stats } from "node:fs";
import { chmod, type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { CriError, failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { callAsync, native } from "./libc.ts";
import { O_PATH, openat2, type ResolveFlag } from "./openat2.ts";
import { isErrno } from "./syscall-error.ts";

// Everything here takes a path inside a tree that others control (an image, a volume): links and `..` are resolved as if
// the tree were the whole file system, and nothing is opened for use before it is known to be a regular file.

const mkdirat = native("int mkdirat(int dirfd, const char *path, unsigned int mode)");
const fstatAsync = promisify(fstat);
const closeAsync = promisify(close);
const inside: readonly ResolveFlag[] = ["inRoot", "noMagicLinks"];

/** The root of the tree: the path of a folder of ours, or a descriptor of it. */
export type Root = string | number;

/** Opens something in a tree; the caller owns the descriptor. `flags` as for open(2). @throws SyscallError ENOENT… */
export async function openInRoot(root: Root, path: string, flags: number, mode = 0): Promise<number> {
  if (path.includes("\0")) throw invalidArgument(`open ${quote(path)}: it holds a NUL byte`);
  return await withRoot(root, (fd) => openat2(fd, path === "" ? "/" : path, { flags, mode, resolve: inside }));
}

export interface StatInRootOptions {
  /** `false`: a link at the end of the path is described, not followed. Default true. */
  readonly followLink?: boolean;
}

/** What lies at a path in a tree; undefined when there is nothing. */
export async function statInRoot(
  root: Root,
  path: string,
  options: StatInRootOptions = {},
): Promise<Stats | undefined> {
  const fd = await tryOpen(root, path, O_PATH | (options.followLink === false ? constants.O_NOFOLLOW : 0));
  if (fd === undefined) return undefined;
  try {
    return await fstatAsync(fd);
  } finally {
    await closeAsync(fd);
  }
}

/**
 * Reads a regular file in a tree; undefined when there is none. Never waits for a FIFO, never opens a device.
 * @throws FAILED_PRECONDITION when it is no regular file, RESOURCE_EXHAUSTED when it is larger than `capBytes`
 */
export async function readFileInRoot(root: Root, path: string, capBytes: number): Promise<Buffer | undefined> {
  const fd = await tryOpen(root, path, O_PATH);
  if (fd === undefined) return undefined;
  let file: FileHandle | undefined;
  try {
    const stats = await fstatAsync(fd);
    if (!stats.isFile()) {
      throw failedPrecondition(`read ${quote(path)}: it is not a regular file`, { hint: "an image has a file there" });
    }
    if (stats.size > capBytes) throw tooLarge(path, capBytes);
    file = await open(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK); // exactly what was looked at
    return await readCapped(file, path, capBytes);
  } finally {
    await file?.close();
    await closeAsync(fd);
  }
}

/**
 * Makes a folder in a tree with all folders above it. What is there is left as it is; what is made gets `mode` (default
 * 0755), whatever the process's umask.
 * @throws SyscallError ENOTDIR, ELOOP
 */
export async function mkdirAllInRoot(root: Root, path: string, mode = 0o755): Promise<void> {
  if (path.includes("\0")) throw invalidArgument(`make folder ${quote(path)}: it holds a NUL byte`);
  await withRoot(root, async (rootFd) => {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    let parent = await openInRoot(rootFd, "/", O_PATH | constants.O_DIRECTORY);
    try {
      for (const [index, name] of names.entries()) {
        // From the root each time: a link or `..` on the way is resolved against the tree, not against its parent.
        const here = names.slice(0, index + 1).join("/");
        const next = await openOrMake(rootFd, parent, here, name, mode);
        await closeAsync(parent);
        parent = next;
      }
    } finally {
      await closeAsync(parent);
    }
  });
}

async function openOrMake(rootFd: number, parent: number, path: string, name: string, mode: number): Promise<number> {
  const flags = O_PATH | constants.O_DIRECTORY;
  try {
    return await openInRoot(rootFd, path, flags);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  try {
    await callAsync(mkdirat, "mkdirat", path, parent, name, mode);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error; // somebody was faster, or it is a link to nowhere: the next call tells
    return await openInRoot(rootFd, path, flags);
  }
  const fd = await openat2(parent, name, { flags: flags | constants.O_NOFOLLOW, resolve: ["beneath", "noSymlinks"] });
  try {
    await chmod(`/proc/self/fd/${fd}`, mode);
    return fd;
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

async function withRoot<T>(root: Root, work: (fd: number) => Promise<T>): Promise<T> {
  if (typeof root === "number") return await work(root);
  const folder = await open(root, O_PATH | constants.O_DIRECTORY);
  try {
    return await work(folder.fd);
  } finally {
    await folder.close();
  }
}

async function tryOpen(root: Root, path: string, flags: number): Promise<number | undefined> {
  try {
    return await openInRoot(root, path, flags);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

async function readCapped(file: FileHandle, path: string, capBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    total += bytesRead;
    if (total > capBytes) throw tooLarge(path, capBytes); // it has grown since
    chunks.push(chunk.subarray(0, bytesRead));
  }
}

function tooLarge(path: string, capBytes: number): CriError {
  return new CriError("RESOURCE_EXHAUSTED", `read ${quote(path)}: it is larger than ${capBytes} bytes`, {
    hint: "have the image's publisher make it smaller",
  });
}
