import { open, statfs, unlink } from "node:fs/promises";
import { mount, unmount } from "./mount.ts";
import { isErrno } from "./syscall-error.ts";

const NSFS_MAGIC = 0x6e736673;

/**
 * Keeps a namespace alive without a process by binding it to a file that is made for it, such as
 * `pinNamespace("/proc/1234/ns/net", "/var/run/netns/pod")`. The process must not end meanwhile: hold its pidfd.
 * @throws an error with EEXIST when there is a file already
 */
export async function pinNamespace(namespace: string, path: string): Promise<void> {
  await (await open(path, "wx", 0o444)).close();
  try {
    await mount({ source: namespace, target: path, flags: ["bind"] });
  } catch (error) {
    await unlink(path);
    throw error;
  }
}

/** Takes the pin away, and the file with it. Idempotent: a path that is not there, or not pinned any more, is fine. */
export async function unpinNamespace(path: string): Promise<void> {
  // As often as something is mounted there: a pin that was made twice must not survive.
  while (await isPinned(path)) await unmount(path, { detach: true });
  try {
    await unlink(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** True when a namespace is bound to this path; false also when there is no such path. */
export async function isPinned(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}
