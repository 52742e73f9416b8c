import { closeSync } from "node:fs";
import { must, native } from "./libc.ts";

const SYS_OPEN_TREE = 428; // these numbers are the same on x64 and arm64
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;

const openTree = native("long syscall(long number, long dirfd, const char *path, long flags)");
const moveMount = native(
  "long syscall(long number, long fromFd, const char *fromPath, long toFd, const char *toPath, long flags)",
);
const mountSetattr = native(
  "long syscall(long number, long dirfd, const char *path, long flags, void *attr, size_t size)",
);

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/** Attributes of a mount (mount_setattr(2)). */
export const mountAttribute = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  noSymFollow: 0x200000,
} as const;

export type MountAttribute = keyof typeof mountAttribute;

/** How mounts made below travel between copies of the tree (mount_namespaces(7)). */
export type Propagation = "private" | "slave" | "shared" | "unbindable";

const propagationFlag: Readonly<Record<Propagation, bigint>> = {
  private: 1n << 18n,
  slave: 1n << 19n,
  shared: 1n << 20n,
  unbindable: 1n << 17n,
};

export interface MountChange {
  readonly set?: readonly MountAttribute[];
  readonly clear?: readonly MountAttribute[];
  readonly propagation?: Propagation;
  /** Also everything mounted below. */
  readonly recursive?: boolean;
}

/**
 * Changes a mount in place: read-only, propagation… All of a recursive change happens or nothing. `where` is a path, or a
 * descriptor of the mount's root.
 * @throws SyscallError EINVAL when it is not the root of a mount
 */
export function changeMount(where: string | number, change: MountChange): void {
  const attr = Buffer.alloc(32);
  attr.writeBigUInt64LE(attributes(change.set), 0);
  attr.writeBigUInt64LE(attributes(change.clear), 8);
  attr.writeBigUInt64LE(change.propagation === undefined ? 0n : propagationFlag[change.propagation], 16);
  const [dirfd, path, empty] = place(where);
  const flags = empty | AT_SYMLINK_NOFOLLOW | (change.recursive === true ? AT_RECURSIVE : 0);
  must(mountSetattr(SYS_MOUNT_SETATTR, dirfd, path, flags, attr, attr.length), "mount_setattr", String(where));
}

export interface BindMountOptions extends MountChange {
  /** A path (links at its end are followed), or a descriptor, so that what was checked is what is mounted. */
  readonly source: string | number;
  /** A path (not followed when it ends in a link), or a descriptor. */
  readonly target: string | number;
}

/**
 * Shows a file or folder at a second place. The copy gets its attributes before anybody can see it, so a read-only mount
 * is never writable for a moment. `recursive` takes what is mounted below the source along.
 * @throws SyscallError
 */
export function bindMount(options: BindMountOptions): void {
  const recursive = options.recursive === true ? AT_RECURSIVE : 0;
  const [fromFd, fromPath, fromEmpty] = place(options.source);
  const tree = must(
    openTree(SYS_OPEN_TREE, fromFd, fromPath, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | fromEmpty | recursive),
    "open_tree",
    String(options.source),
  );
  try {
    if (options.set !== undefined || options.clear !== undefined || options.propagation !== undefined) {
      changeMount(tree, options);
    }
    const [toFd, toPath, toEmpty] = place(options.target);
    const flags = MOVE_MOUNT_F_EMPTY_PATH | (toEmpty === 0 ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
    must(moveMount(SYS_MOVE_MOUNT, tree, "", toFd, toPath, flags), "move_mount", String(options.target));
  } finally {
    closeSync(tree);
  }
}

function attributes(names: readonly MountAttribute[] = []): bigint {
  return BigInt(names.reduce((sum, name) => sum | mountAttribute[name], 0));
}

function place(where: string | number): readonly [number, string, number] {
  return typeof where === "number" ? [where, "", AT_EMPTY_PATH] : [AT_FDCWD, where, 0];
}
