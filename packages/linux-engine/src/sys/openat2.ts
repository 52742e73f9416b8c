import { constants } from "node:fs";
import { callAsync, native } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

const SYS_OPENAT2 = 437; // the same on x64 and arm64

const openat2Call = native("long syscall(long number, long dirfd, const char *path, void *how, size_t size)");

const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_FDCWD: number = -100;

/** How a path is resolved (openat2(2)). */
export const resolveFlag = {
  /** Never cross into another mount. */
  noCrossDevice: 0x01,
  /** Never follow a link of the kernel's own, such as `/proc/self/fd/3`. */
  noMagicLinks: 0x02,
  /** Never follow any link, in no component. */
  noSymlinks: 0x04,
  /** Fail when the path would leave the folder. */
  beneath: 0x08,
  /** Take the folder for `/`: links and `..` stay inside, as in a chroot. */
  inRoot: 0x10,
} as const;

export type ResolveFlag = keyof typeof resolveFlag;

export interface OpenHow {
  /** As for open(2); `O_CLOEXEC` is added. Default `O_RDONLY`. */
  readonly flags?: number;
  /** Mode of a file that is created. */
  readonly mode?: number;
  readonly resolve: readonly ResolveFlag[];
}

// The kernel answers EAGAIN when a rename raced with a `..`, and expects the caller to try again.
const mostTries = 64;

/**
 * openat2(2), in libuv's pool. Answers a descriptor that the caller owns.
 * @throws SyscallError ENOENT, ELOOP (a link that may not be followed), EXDEV (it would leave)
 */
export async function openat2(dirfd: number, path: string, how: OpenHow): Promise<number> {
  const bytes = Buffer.alloc(24); // struct open_how
  bytes.writeBigUInt64LE(BigInt((how.flags ?? constants.O_RDONLY) | O_CLOEXEC), 0);
  bytes.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
  bytes.writeBigUInt64LE(BigInt(how.resolve.reduce((sum, name) => sum | resolveFlag[name], 0)), 16);
  for (let tries = 1; ; tries++) {
    try {
      return await callAsync(openat2Call, "openat2", path, SYS_OPENAT2, dirfd, path, bytes, bytes.length);
    } catch (error) {
      if (!isErrno(error, "EAGAIN") || tries === mostTries) throw error;
    }
  }
}
