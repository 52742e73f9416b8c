import { closeSync, constants, readSync, writeSync } from "node:fs";
import { fileType, makeNodeAt, makeSymlinkAt, openAt, readLinkAt } from "../sys/at.ts";
import { readXattrs } from "../sys/xattr.ts";
import { setAttributes, setNodeAttributes } from "./layer-attributes.ts";
import type { LowerObject } from "./lower-layers.ts";

const readFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const chunkBytes = 256 * 1024;

/** Copies something of a lower layer that is no folder, with all its attributes, as overlayfs does before a change. */
export function copyUp(object: LowerObject, folderFd: number): void {
  const { status, parentFd, name } = object;
  if (status.type === fileType.file) {
    copyFile(object, folderFd);
    return;
  }
  if (status.type === fileType.symlink) makeSymlinkAt(folderFd, name, readLinkAt(parentFd, name));
  else makeNodeAt(folderFd, name, status);
  setNodeAttributes(folderFd, name, status, status.type === fileType.symlink);
}

/** Gives the new folder of the same name what the lower one has; its time is set at the end. */
export function copyFolderAttributes(object: LowerObject, folderFd: number): void {
  const open = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const from = openAt(object.parentFd, object.name, open);
  try {
    const to = openAt(folderFd, object.name, open);
    try {
      setAttributes(to, "folder", { ...object.status, xattrs: readXattrs(from) });
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function copyFile(object: LowerObject, folderFd: number): void {
  const from = openAt(object.parentFd, object.name, readFile);
  try {
    const to = openAt(folderFd, object.name, newFile, 0o600);
    try {
      const chunk = Buffer.alloc(chunkBytes);
      for (let got = readSync(from, chunk); got > 0; got = readSync(from, chunk)) writeAll(to, chunk.subarray(0, got));
      setAttributes(to, "file", { ...object.status, xattrs: readXattrs(from) });
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/** Writes all of the bytes, however many calls that takes. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
