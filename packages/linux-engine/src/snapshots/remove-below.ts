import { closeSync, constants } from "node:fs";
import { fileType, openAt, readNames, removeFolderAt, statAt, unlinkAt } from "../sys/at.ts";
import type { LayerPath } from "./layer-path.ts";

const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const up = Buffer.from("..");

interface Level {
  readonly name: Buffer;
  /** Folders in it that are still to be removed. */
  readonly folders: Buffer[];
}

/**
 * Removes a folder with all that is in it: without recursion, with one open descriptor, links not followed. `removed`
 * hears of every name, as a path that begins with `name`.
 */
export function removeBelow(parentFd: number, name: Buffer, removed: (path: LayerPath) => void): void {
  const levels: Level[] = [];
  let folderFd = openAt(parentFd, name, openFolder);
  const enter = (entered: Buffer): void => {
    const level = { name: entered, folders: [] as Buffer[] };
    levels.push(level);
    const path = levels.map((each) => each.name);
    for (const child of allNames(folderFd)) {
      if (statAt(folderFd, child)?.type === fileType.folder) {
        level.folders.push(child);
      } else {
        unlinkAt(folderFd, child);
        removed([...path, child]);
      }
    }
  };
  const move = (to: Buffer): void => {
    const next = openAt(folderFd, to, openFolder);
    closeSync(folderFd);
    folderFd = next;
  };
  try {
    enter(name);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const child = level.folders.pop();
      if (child !== undefined) {
        move(child);
        enter(child);
        continue;
      }
      removed(levels.map((each) => each.name));
      levels.pop();
      if (levels.length === 0) break;
      move(up);
      removeFolderAt(folderFd, level.name);
    }
  } finally {
    closeSync(folderFd);
  }
  removeFolderAt(parentFd, name);
}

function allNames(folderFd: number): Buffer[] {
  const all: Buffer[] = [];
  for (let some = readNames(folderFd); some.length > 0; some = readNames(folderFd)) all.push(...some);
  return all;
}
