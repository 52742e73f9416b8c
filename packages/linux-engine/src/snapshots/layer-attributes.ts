import { fchmodSync, fchownSync } from "node:fs";
import { chmodAt, chownAt, setTimeAt, setTimeFd } from "../sys/at.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { setXattr } from "../sys/xattr.ts";
import { refusedLayer } from "./layer-error.ts";

/** What a file has beside its content. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

const capability = "security.capability";

/**
 * True for the extended attributes that a layer keeps: a file's capabilities and `user.*`. Everything else is the
 * host's (labels, ACLs, `trusted.*`) or overlayfs's own.
 */
export function isKeptXattr(name: string, on: "file" | "folder"): boolean {
  if (name === capability) return on === "file";
  return name.startsWith("user.") && !name.startsWith("user.overlay.");
}

/**
 * Gives an open file or folder its attributes, in the one order that keeps them: a new owner takes setuid bits and
 * capabilities away. A folder's time is set when nothing in it changes any more, so not here.
 */
export function setAttributes(fd: number, on: "file" | "folder", attributes: Attributes): void {
  fchownSync(fd, attributes.uid, attributes.gid);
  fchmodSync(fd, attributes.mode);
  for (const [name, value] of attributes.xattrs) if (isKeptXattr(name, on)) setOne(fd, name, value);
  if (on === "file") setTimeFd(fd, attributes.mtimeNs);
}

/** The same for what can't be opened: links, devices and FIFOs. The name must be known not to be a folder. */
export function setNodeAttributes(
  folderFd: number,
  name: Buffer,
  attributes: Omit<Attributes, "xattrs">,
  isLink: boolean,
): void {
  chownAt(folderFd, name, attributes);
  if (!isLink) chmodAt(folderFd, name, attributes.mode);
  setTimeAt(folderFd, name, attributes.mtimeNs);
}

function setOne(fd: number, name: string, value: Buffer): void {
  try {
    setXattr(fd, name, value);
  } catch (error) {
    if (isErrno(error, "EINVAL", "ERANGE", "E2BIG")) {
      throw refusedLayer(`the extended attribute "${name}" has a value that the kernel does not take`);
    }
    throw error;
  }
}
