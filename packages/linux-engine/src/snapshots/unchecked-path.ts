import { constants } from "node:fs";
import { makeFolderAt, openAt } from "../sys/at.ts";
import { O_PATH } from "../sys/openat2.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { refusedLayer } from "./layer-error.ts";
import type { LayerPath } from "./layer-path.ts";
import type { TreeFolder } from "./layer-tree.ts";

// Paths as an unpacker without any care would take them: the kernel follows `..`, links and absolute names wherever they
// lead. Only for the test that shows that the jail holds alone.

const slash = 0x2f;

/** The part before the last slash as one name, and the one after it. */
export function splitUnchecked(path: Buffer): LayerPath {
  let end = path.length;
  while (end > 1 && path[end - 1] === slash) end--;
  const at = path.lastIndexOf(slash, end - 1);
  const name = path.subarray(at + 1, end);
  if (name.length === 0 || name.equals(Buffer.from("."))) return [];
  return at < 0 ? [name] : [path.subarray(0, Math.max(at, 1)), name];
}

export function openUnchecked(rootFd: number, path: LayerPath, missing: "make" | "refuse"): TreeFolder {
  const joined = path[0] ?? Buffer.from(".");
  const flags = O_PATH | constants.O_DIRECTORY;
  try {
    return { fd: openAt(rootFd, joined, flags), path };
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    if (missing === "refuse") throw refusedLayer("the target is not there");
  }
  for (let at = joined.indexOf(slash, 1); at >= 0; at = joined.indexOf(slash, at + 1)) {
    makeIfMissing(rootFd, joined.subarray(0, at));
  }
  makeIfMissing(rootFd, joined);
  return { fd: openAt(rootFd, joined, flags), path };
}

function makeIfMissing(rootFd: number, path: Buffer): void {
  try {
    makeFolderAt(rootFd, path, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
