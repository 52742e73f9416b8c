import { closeSync, constants } from "node:fs";
import { fileType, makeFolderAt, makeLinkAt, makeNodeAt, makeSymlinkAt, openAt, statAt } from "../sys/at.ts";
import { writeAll } from "./copy-up.ts";
import { entryError } from "./entry-error.ts";
import { finishLayer } from "./finish-layer.ts";
import { isKeptXattr, setAttributes, setNodeAttributes } from "./layer-attributes.ts";
import { type BudgetLimits, LayerBudget } from "./layer-budget.ts";
import { quoteName, refusedLayer } from "./layer-error.ts";
import { LayerNotes } from "./layer-notes.ts";
import { joinPath, type LayerPath, meaningOf, parseLayerPath, pathKey } from "./layer-path.ts";
import { LayerTree, type TreeFolder } from "./layer-tree.ts";
import type { LowerLayers } from "./lower-layers.ts";
import type { TarEntry } from "./tar-entry.ts";
import { defaultTarLimits, type ReadBytes, type TarLimits, TarReader } from "./tar-reader.ts";
import { openUnchecked, splitUnchecked } from "./unchecked-path.ts";

export interface ApplyLimits extends TarLimits, BudgetLimits {
  readonly opaqueFolders: number;
  /** Their paths together: the daemon remembers them for as long as it has the layer. */
  readonly opaqueBytes: number;
}

export const defaultApplyLimits: ApplyLimits = {
  ...defaultTarLimits,
  contentBytes: 256 * 1024 ** 3,
  lookups: 30_000_000,
  opaqueFolders: 65_536,
  opaqueBytes: 4 * 1024 ** 2,
};

export interface ApplyOptions {
  /** The layer's folder, empty, on a file system with extended attributes. */
  readonly rootFd: number;
  /** The complete layers below; called when they are first needed, and may wait for them. */
  readonly getLower: () => LowerLayers;
  readonly limits?: ApplyLimits;
  /** False only for the test that shows that the jail holds alone: names are then taken as they come. */
  readonly pathChecks?: boolean;
}

export interface AppliedLayer {
  /** Folders whose mark `trusted.overlay.opaque` is still to be set, relative to the layer; `.` is the root. */
  readonly opaque: readonly Buffer[];
  readonly inodes: number;
  /** What the files take on disk, by their sizes. */
  readonly sizeBytes: number;
  /** Extended attributes that a layer does not keep, by name, with how often they came. */
  readonly droppedXattrs: ReadonlyMap<string, number>;
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const maxDroppedNames = 100;

/**
 * Applies the tar stream of one layer to its folder so that overlayfs shows, of the folder over its lower layers, what
 * OCI image-spec "Applying Changesets" asks for. Entries count in their order; a later one of a name replaces an
 * earlier one. On failure the folder is in any state and is for the caller to remove.
 *
 * Needs, for layers of all kinds, the capabilities CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD and SETFCAP. It has its
 * own rules for paths, but where the layer is a stranger's the process must also have its root in that folder.
 *
 * @throws DATA_LOSS for a damaged archive, INVALID_ARGUMENT for one that breaks the rules, RESOURCE_EXHAUSTED for a
 *   passed limit or a full disk
 */
export function applyLayer(source: ReadBytes, options: ApplyOptions): AppliedLayer {
  const applier = new LayerApplier(new TarReader(source, options.limits), options);
  return applier.run();
}

class LayerApplier {
  readonly #reader: TarReader;
  readonly #tree: LayerTree;
  readonly #budget: LayerBudget;
  readonly #pathChecks: boolean;
  readonly #dropped = new Map<string, number>();
  #rootSeen = false;
  #sizeBytes = 0;
  #inodes = 1;

  constructor(reader: TarReader, options: ApplyOptions) {
    this.#reader = reader;
    const limits = options.limits ?? defaultApplyLimits;
    this.#budget = new LayerBudget(limits);
    this.#tree = new LayerTree(options.rootFd, new LayerNotes(limits), options.getLower, this.#budget);
    this.#pathChecks = options.pathChecks !== false;
  }

  run(): AppliedLayer {
    for (let entry = this.#reader.next(); entry !== undefined; entry = this.#reader.next()) {
      try {
        this.#apply(entry);
      } catch (error) {
        throw entryError(entry, error);
      }
    }
    const opaque = finishLayer(this.#tree, { copyRoot: !this.#rootSeen });
    const { made } = this.#tree;
    const [inodes, sizeBytes] = [this.#inodes + made.inodes, this.#sizeBytes + made.sizeBytes];
    return { opaque, inodes, sizeBytes, droppedXattrs: this.#dropped };
  }

  #apply(entry: TarEntry): void {
    const path = this.#pathChecks ? parseLayerPath(entry.path) : splitUnchecked(entry.path);
    const name = path.at(-1);
    if (name === undefined) {
      this.#applyRoot(entry);
      return;
    }
    const meaning = meaningOf(path);
    if (meaning.kind === "bookkeeping") return;
    if (meaning.kind !== "file" && entry.kind !== "file" && entry.kind !== "hard-link") {
      throw refusedLayer(`the whiteout ${quoteName(entry.path)} is a ${entry.kind}`);
    }
    const folder = this.#openFolder(path.slice(0, -1));
    try {
      if (meaning.kind === "opaque") this.#tree.notes.addOpaque(folder.path);
      else if (meaning.kind === "whiteout") this.#tree.hide(folder, meaning.name);
      else this.#make(entry, folder, name);
    } finally {
      closeSync(folder.fd);
    }
  }

  #openFolder(path: LayerPath, missing: "make" | "refuse" = "make"): TreeFolder {
    return this.#pathChecks ? this.#tree.openFolder(path, missing) : openUnchecked(this.#tree.rootFd, path, missing);
  }

  #applyRoot(entry: TarEntry): void {
    if (entry.kind !== "folder") throw refusedLayer(`the layer's root is a ${entry.kind}`);
    this.#rootSeen = true;
    this.#setFolder(this.#tree.rootFd, Buffer.from("."), [], entry);
  }

  #make(entry: TarEntry, folder: TreeFolder, name: Buffer): void {
    if (entry.kind === "folder") {
      this.#makeFolder(entry, folder, name);
      return;
    }
    if (entry.kind === "hard-link") {
      this.#makeHardLink(entry, folder, name);
      return;
    }
    this.#tree.clear(folder, name);
    this.#inodes++;
    switch (entry.kind) {
      case "file":
        this.#makeFile(entry, folder.fd, name);
        break;
      case "symlink":
        makeSymlinkAt(folder.fd, name, entry.linkPath);
        setNodeAttributes(folder.fd, name, entry, true);
        break;
      case "char-device":
      case "block-device":
      case "fifo":
        makeNodeAt(folder.fd, name, nodeOf(entry));
        setNodeAttributes(folder.fd, name, entry, false);
        break;
    }
  }

  #makeFolder(entry: TarEntry, folder: TreeFolder, name: Buffer): void {
    const path = [...folder.path, name];
    if (statAt(folder.fd, name)?.type !== fileType.folder) {
      const replaced = this.#tree.clear(folder, name);
      makeFolderAt(folder.fd, name, 0o700);
      this.#inodes++;
      this.#sizeBytes += 4096;
      // What was here, or what hid the lower folder, has gone: the new one begins empty.
      if (replaced !== "nothing" || this.#tree.notes.isWhiteout(path)) this.#tree.notes.addOpaque(path);
    }
    this.#setFolder(folder.fd, name, path, entry);
  }

  #setFolder(parentFd: number, name: Buffer, path: LayerPath, entry: TarEntry): void {
    const fd = openAt(parentFd, name, openFolder);
    try {
      this.#countDropped(entry, "folder");
      setAttributes(fd, "folder", entry);
      this.#tree.notes.setFolderTime(path, entry.mtimeNs);
    } finally {
      closeSync(fd);
    }
  }

  #makeFile(entry: TarEntry, folderFd: number, name: Buffer): void {
    this.#budget.spendContent(entry.sizeBytes);
    this.#sizeBytes += Math.ceil(entry.sizeBytes / 4096) * 4096;
    const fd = openAt(folderFd, name, newFile, 0o600);
    try {
      for (let piece = this.#reader.read(); piece !== undefined; piece = this.#reader.read()) writeAll(fd, piece);
      this.#countDropped(entry, "file");
      setAttributes(fd, "file", entry);
    } finally {
      closeSync(fd);
    }
  }

  #makeHardLink(entry: TarEntry, folder: TreeFolder, name: Buffer): void {
    const path = this.#pathChecks ? parseLayerPath(entry.linkPath) : splitUnchecked(entry.linkPath);
    const targetName = path.at(-1);
    if (targetName === undefined) throw refusedLayer(`the hard link ${quoteName(entry.path)} leads to the root folder`);
    const target = this.#openFolder(path.slice(0, -1), "refuse");
    try {
      const found = this.#tree.bringUp(target, targetName);
      const shown = `the hard link ${quoteName(entry.path)} leads to ${quoteName(joinPath(path))}`;
      if (found === undefined) throw refusedLayer(`${shown}, which is not there`);
      if (found.type === fileType.folder) throw refusedLayer(`${shown}, which is a folder`);
      if (pathKey([...target.path, targetName]) === pathKey([...folder.path, name])) return;
      this.#tree.clear(folder, name);
      makeLinkAt(target.fd, targetName, folder.fd, name);
    } finally {
      closeSync(target.fd);
    }
  }

  #countDropped(entry: TarEntry, on: "file" | "folder"): void {
    for (const xattr of entry.xattrs.keys()) {
      if (isKeptXattr(xattr, on)) continue;
      if (this.#dropped.has(xattr) || this.#dropped.size < maxDroppedNames) {
        this.#dropped.set(xattr, (this.#dropped.get(xattr) ?? 0) + 1);
      }
    }
  }
}

function nodeOf(entry: TarEntry): { type: number; mode: number; major: number; minor: number } {
  const { mode, devMajor: major, devMinor: minor } = entry;
  if (entry.kind === "fifo") return { type: fileType.fifo, mode, major: 0, minor: 0 };
  if (entry.kind === "block-device") return { type: fileType.blockDevice, mode, major, minor };
  // overlayfs, too, refuses to make its own whiteout by mknod.
  if (major === 0 && minor === 0) throw refusedLayer(`the device ${quoteName(entry.path)} is overlayfs's own whiteout`);
  return { type: fileType.charDevice, mode, major, minor };
}
