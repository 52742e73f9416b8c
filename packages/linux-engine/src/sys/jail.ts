import { must, native } from "./libc.ts";

const fchdirCall = native("int fchdir(int fd)");
const chrootCall = native("int chroot(const char *path)");

/**
 * Moves the root and the working folder of the whole process, all threads of it, into an open folder: no path, link or
 * `..` leads out. Only for a process that has nothing else to do meanwhile. The way back is {@link moveRoot} with a
 * descriptor of the old root.
 * @throws SyscallError EPERM without CAP_SYS_CHROOT
 */
export function moveRoot(folderFd: number): void {
  must(fchdirCall(folderFd), "fchdir", String(folderFd));
  must(chrootCall("."), "chroot", ".");
}
