import { closeSync, constants, fchmodSync, fchownSync } from "node:fs";
import { fileType, makeNodeAt, openBelow, setTimeFd, statAt, statFd, unlinkAt } from "../sys/at.ts";
import { O_PATH } from "../sys/openat2.ts";
import { joinPath, type LayerPath, pathOfKey } from "./layer-path.ts";
import type { LayerTree } from "./layer-tree.ts";

const whiteout = { type: fileType.charDevice, mode: 0, major: 0, minor: 0 };

/**
 * What can only be done when all entries have come: whiteouts, the root's own attributes when no entry gave any, the
 * times of folders. Answers the folders that are opaque.
 */
export function finishLayer(tree: LayerTree, options: { readonly copyRoot: boolean }): readonly Buffer[] {
  for (const key of tree.notes.copiedUp) dropHiddenCopy(tree, pathOfKey(key));
  for (const key of tree.notes.whiteouts) makeWhiteout(tree, pathOfKey(key));
  if (options.copyRoot) copyRootAttributes(tree);
  for (const [key, mtimeNs] of tree.notes.folderTimes) {
    withFolder(tree, pathOfKey(key), constants.O_RDONLY, (fd) => setTimeFd(fd, mtimeNs));
  }
  return [...tree.notes.opaque]
    .map((key) => joinPath(pathOfKey(key)))
    .filter((path) => withFolder(tree, pathOfKey(path.toString("latin1")), O_PATH, () => true));
}

/** A lower file that was copied for a hard link, and then hidden with its folder, is seen by its other names alone. */
function dropHiddenCopy(tree: LayerTree, path: LayerPath): void {
  const name = path.at(-1);
  const parent = path.slice(0, -1);
  if (name === undefined || !tree.notes.isOpaque(parent)) return;
  withFolder(tree, parent, O_PATH, (fd) => unlinkAt(fd, name));
}

/**
 * Only where a lower layer still has something under the name: in a folder that is not merged with a lower one,
 * overlayfs would show the mark itself.
 */
function makeWhiteout(tree: LayerTree, path: LayerPath): void {
  const name = path.at(-1);
  if (name === undefined) return;
  const parent = path.slice(0, -1);
  if (tree.notes.isOpaque(parent)) return;
  withFolder(tree, parent, O_PATH, (fd) => {
    if (statAt(fd, name) === undefined && tree.findLower(path, () => true)) makeNodeAt(fd, name, whiteout);
  });
}

/** overlayfs shows the uppermost layer's root folder, so one without an entry for it takes after the next one. */
function copyRootAttributes(tree: LayerTree): void {
  const { rootFd } = tree.lower;
  const from = rootFd === undefined ? undefined : statFd(rootFd);
  withFolder(tree, [], constants.O_RDONLY, (fd) => {
    fchownSync(fd, from?.uid ?? 0, from?.gid ?? 0);
    fchmodSync(fd, from?.mode ?? 0o755);
    tree.notes.setFolderTime([], from?.mtimeNs ?? 0n);
  });
}

function withFolder<T>(tree: LayerTree, path: LayerPath, access: number, use: (fd: number) => T): T | undefined {
  const fd = openBelow(tree.rootFd, joinPath(path), access | constants.O_DIRECTORY);
  if (fd < 0) return undefined;
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
