import { callAsync, must, native } from "./libc.ts";

const mountCall = native(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umount2 = native("int umount2(const char *target, int flags)");

/** Flags of mount(2). */
export const mountFlag = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  remount: 0x20,
  noSymFollow: 0x100,
  noAtime: 0x400,
  bind: 0x1000,
  move: 0x2000,
  recursive: 0x4000,
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  relAtime: 0x200000,
} as const;

export type MountFlag = keyof typeof mountFlag;

export interface MountOptions {
  /** What is mounted: a device, a folder, or a name that only shows in mountinfo. Default `none`. */
  readonly source?: string;
  readonly target: string;
  /** File system type; none for bind, remount and propagation. */
  readonly type?: string;
  readonly flags?: readonly MountFlag[];
  /** Options of the file system, less than a page (4 KiB) of text. */
  readonly data?: string;
}

/** mount(2), in libuv's pool: a file system may wait for its disk. @throws SyscallError */
export async function mount(options: MountOptions): Promise<void> {
  await callAsync(mountCall, "mount", options.target, ...mountArguments(options));
}

/** mount(2) on the calling thread, for code that must not leave it. @throws SyscallError */
export function mountSync(options: MountOptions): void {
  must(mountCall(...mountArguments(options)), "mount", options.target);
}

const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;

export interface UnmountOptions {
  /** Takes the mount out of the tree now and ends it when nobody uses it any more (MNT_DETACH). */
  readonly detach?: boolean;
}

/**
 * umount2(2), in libuv's pool: an overlay writes its dirty files first. Never follows a link at the end of the path.
 * @throws SyscallError EINVAL when nothing is mounted there, ENOENT, EBUSY
 */
export async function unmount(target: string, options: UnmountOptions = {}): Promise<void> {
  await callAsync(umount2, "umount2", target, target, unmountFlags(options));
}

/** umount2(2) on the calling thread. @throws SyscallError as {@link unmount} */
export function unmountSync(target: string, options: UnmountOptions = {}): void {
  must(umount2(target, unmountFlags(options)), "umount2", target);
}

function mountArguments(options: MountOptions): readonly unknown[] {
  const flags = (options.flags ?? []).reduce((sum, name) => sum | mountFlag[name], 0);
  return [options.source ?? "none", options.target, options.type ?? null, flags, options.data ?? null];
}

function unmountFlags(options: UnmountOptions): number {
  return UMOUNT_NOFOLLOW | (options.detach === true ? MNT_DETACH : 0);
}
