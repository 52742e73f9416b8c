import { must, native } from "./libc.ts";

const fsetxattr = native("int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)");
const fgetxattr = native("long fgetxattr(int fd, const char *name, void *into, size_t size)");
const flistxattr = native("long flistxattr(int fd, void *into, size_t size)");

/** fsetxattr(2). The name's bytes as Latin-1, here and in {@link readXattrs}. @throws SyscallError */
export function setXattr(fd: number, name: string, value: Uint8Array): void {
  must(fsetxattr(fd, bytesOf(name), value, value.length, 0), "fsetxattr", name);
}

/** All extended attributes of an open file that this process may see. @throws SyscallError */
export function readXattrs(fd: number): Map<string, Buffer> {
  const list = Buffer.alloc(65_536); // XATTR_LIST_MAX
  const length = must(flistxattr(fd, list, list.length), "flistxattr", String(fd));
  const names = list.toString("latin1", 0, length).split("\0").slice(0, -1);
  return new Map(names.map((name) => [name, readXattr(fd, name)]));
}

function readXattr(fd: number, name: string): Buffer {
  const value = Buffer.alloc(65_536); // XATTR_SIZE_MAX
  return value.subarray(0, must(fgetxattr(fd, bytesOf(name), value, value.length), "fgetxattr", name));
}

function bytesOf(name: string): Buffer {
  return Buffer.from(`${name}\0`, "latin1");
}
