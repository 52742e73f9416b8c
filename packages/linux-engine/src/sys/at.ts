import * as koffi from "koffi";
import { must, native } from "./libc.ts";
import { resolveFlag } from "./openat2.ts";
import { SyscallError } from "./syscall-error.ts";

// System calls that name a file by an open folder and a name in bytes. Synchronous, on the calling thread.

const SYS_OPENAT2 = 437; // the same on x64 and arm64
const O_CLOEXEC = 0o2000000;
const ENOENT = 2;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;

const openat = native("int openat(int folder, const void *name, int flags, unsigned int mode)");
const openat2 = native("long syscall(long number, int folder, const void *path, void *how, size_t size)");
const mkdirat = native("int mkdirat(int folder, const void *name, unsigned int mode)");
const mknodat = native("int mknodat(int folder, const void *name, unsigned int mode, uint64_t device)");
const symlinkat = native("int symlinkat(const void *target, int folder, const void *name)");
const linkat = native("int linkat(int fromFolder, const void *from, int folder, const void *name, int flags)");
const unlinkat = native("int unlinkat(int folder, const void *name, int flags)");
const readlinkat = native("long readlinkat(int folder, const void *name, void *into, size_t size)");
const fchownat = native("int fchownat(int folder, const void *name, unsigned int uid, unsigned int gid, int flags)");
const fchmodat = native("int fchmodat(int folder, const void *name, unsigned int mode, int flags)");
const utimensat = native("int utimensat(int folder, const void *name, void *times, int flags)");
const futimens = native("int futimens(int fd, void *times)");
const statx = native("int statx(int folder, const void *name, int flags, unsigned int mask, void *into)");
const getdents64 = native("long getdents64(int fd, void *into, size_t size)");

/** File types in the mode of {@link FileStatus}. */
export const fileType = {
  fifo: 0o010000,
  charDevice: 0o020000,
  folder: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

export interface FileStatus {
  /** One of {@link fileType}. */
  readonly type: number;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Device numbers of a device. */
  readonly major: number;
  readonly minor: number;
}

/** openat(2), closed on exec. @throws SyscallError */
export function openAt(folderFd: number, name: Uint8Array, flags: number, mode = 0): number {
  return must(openat(folderFd, text(name), flags | O_CLOEXEC, mode), "openat", shown(name));
}

/**
 * openat2(2) of a path that stays below the folder and has no link in it, closed on exec; -1 when there is none (ENOENT,
 * ENOTDIR, ELOOP, EXDEV).
 * @throws SyscallError
 */
export function openBelow(folderFd: number, path: Uint8Array, flags: number): number {
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(beneathWithoutLinks, 16);
  const fd = openat2(SYS_OPENAT2, folderFd, text(path), how, how.length);
  if (fd >= 0) return fd;
  const errno = koffi.errno();
  if (absent.has(errno)) return -1;
  throw new SyscallError("openat2", errno, shown(path));
}

/** The status of a name, links not followed; undefined when it is not there. @throws SyscallError */
export function statAt(folderFd: number, name: Uint8Array): FileStatus | undefined {
  if (statx(folderFd, text(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statBuffer) === 0) return readStatus();
  const errno = koffi.errno();
  if (errno === ENOENT) return undefined;
  throw new SyscallError("statx", errno, shown(name));
}

/** The status of an open file. @throws SyscallError */
export function statFd(fd: number): FileStatus {
  must(statx(fd, text(empty), AT_EMPTY_PATH, STATX_BASIC_STATS, statBuffer), "statx", String(fd));
  return readStatus();
}

/** mkdirat(2). @throws SyscallError */
export function makeFolderAt(folderFd: number, name: Uint8Array, mode: number): void {
  must(mkdirat(folderFd, text(name), mode), "mkdirat", shown(name));
}

/** mknodat(2) of a device or a FIFO. @throws SyscallError */
export function makeNodeAt(
  folderFd: number,
  name: Uint8Array,
  node: { readonly type: number; readonly mode: number; readonly major: number; readonly minor: number },
): void {
  const { major, minor } = node;
  // glibc's 64-bit dev_t (makedev(3)).
  const device =
    (BigInt(minor) & 0xffn) |
    ((BigInt(major) & 0xfffn) << 8n) |
    ((BigInt(minor) & ~0xffn) << 12n) |
    ((BigInt(major) & ~0xfffn) << 32n);
  must(mknodat(folderFd, text(name), node.type | node.mode, device), "mknodat", shown(name));
}

/** symlinkat(2). @throws SyscallError */
export function makeSymlinkAt(folderFd: number, name: Uint8Array, target: Uint8Array): void {
  must(symlinkat(text(target, second), folderFd, text(name)), "symlinkat", shown(name));
}

/** linkat(2); a link at the end of `from` is linked itself. @throws SyscallError */
export function makeLinkAt(fromFolderFd: number, from: Uint8Array, folderFd: number, name: Uint8Array): void {
  must(linkat(fromFolderFd, text(from, second), folderFd, text(name), 0), "linkat", shown(name));
}

/** unlinkat(2) of all but a folder. @throws SyscallError */
export function unlinkAt(folderFd: number, name: Uint8Array): void {
  must(unlinkat(folderFd, text(name), 0), "unlinkat", shown(name));
}

/** unlinkat(2) of an empty folder. @throws SyscallError */
export function removeFolderAt(folderFd: number, name: Uint8Array): void {
  must(unlinkat(folderFd, text(name), AT_REMOVEDIR), "unlinkat", shown(name));
}

/** The target of a symlink. @throws SyscallError */
export function readLinkAt(folderFd: number, name: Uint8Array): Buffer {
  const into = Buffer.alloc(4096);
  const length = must(readlinkat(folderFd, text(name), into, into.length), "readlinkat", shown(name));
  return into.subarray(0, length);
}

/** Gives a name an owner, links not followed. @throws SyscallError */
export function chownAt(
  folderFd: number,
  name: Uint8Array,
  owner: { readonly uid: number; readonly gid: number },
): void {
  must(fchownat(folderFd, text(name), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW), "fchownat", shown(name));
}

/** fchmodat(2): follows a link, so only for a name that is known to be none. @throws SyscallError */
export function chmodAt(folderFd: number, name: Uint8Array, mode: number): void {
  must(fchmodat(folderFd, text(name), mode, 0), "fchmodat", shown(name));
}

/** Sets a name's modification time, links not followed; the access time becomes the same. @throws SyscallError */
export function setTimeAt(folderFd: number, name: Uint8Array, mtimeNs: bigint): void {
  must(utimensat(folderFd, text(name), timesOf(mtimeNs), AT_SYMLINK_NOFOLLOW), "utimensat", shown(name));
}

/** As {@link setTimeAt} for an open file. @throws SyscallError */
export function setTimeFd(fd: number, mtimeNs: bigint): void {
  must(futimens(fd, timesOf(mtimeNs)), "futimens", String(fd));
}

/** The next names of an open folder, without `.` and `..`; empty at its end. @throws SyscallError */
export function readNames(folderFd: number): Buffer[] {
  const names: Buffer[] = [];
  for (;;) {
    const into = Buffer.alloc(32_768);
    const length = must(getdents64(folderFd, into, into.length), "getdents64", String(folderFd));
    if (length === 0) return names;
    // struct linux_dirent64: 8 bytes of inode, 8 of offset, 2 of length, 1 of type, the name and a NUL
    for (let at = 0; at < length; at += into.readUInt16LE(at + 16)) {
      const name = into.subarray(at + 19, into.indexOf(0, at + 19));
      if (!name.equals(dot) && !name.equals(dotDot)) names.push(name);
    }
    if (names.length > 0) return names;
  }
}

const dot = Buffer.from(".");
const dotDot = Buffer.from("..");
const empty = Buffer.alloc(0);
const absent: ReadonlySet<number> = new Set([ENOENT, 20 /* ENOTDIR */, 40 /* ELOOP */, 18 /* EXDEV */]);

const beneathWithoutLinks = BigInt(resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks);

// One buffer each: a call has ended before the next one can begin.
const how = Buffer.alloc(24);
const statBuffer = Buffer.alloc(256);
const times = Buffer.alloc(32);
const first = Buffer.alloc(4097);
const second = Buffer.alloc(4097);

/** A C string in one of the two buffers. */
function text(name: Uint8Array, into: Buffer = first): Buffer {
  if (name.length >= into.length) throw new SyscallError("path", 36 /* ENAMETOOLONG */, shown(name));
  if (name.includes(0)) throw new SyscallError("path", 22 /* EINVAL */, shown(name));
  into.set(name);
  into[name.length] = 0;
  return into;
}

function timesOf(mtimeNs: bigint): Buffer {
  const ns = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  for (const at of [0, 16]) {
    times.writeBigInt64LE((mtimeNs - ns) / 1_000_000_000n, at);
    times.writeBigInt64LE(ns, at + 8);
  }
  return times;
}

/** struct statx, which is the same on all machines. */
function readStatus(): FileStatus {
  const mode = statBuffer.readUInt16LE(28);
  return {
    type: mode & S_IFMT,
    mode: mode & 0o7777,
    uid: statBuffer.readUInt32LE(20),
    gid: statBuffer.readUInt32LE(24),
    sizeBytes: Number(statBuffer.readBigUInt64LE(40)),
    mtimeNs: statBuffer.readBigInt64LE(112) * 1_000_000_000n + BigInt(statBuffer.readUInt32LE(120)),
    major: statBuffer.readUInt32LE(128),
    minor: statBuffer.readUInt32LE(132),
  };
}

function shown(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, Math.min(name.length, 200)).toString("latin1");
}
