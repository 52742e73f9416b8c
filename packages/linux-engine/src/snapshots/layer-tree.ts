import { closeSync, constants } from "node:fs";
import {
  chmodAt,
  type FileStatus,
  fileType,
  makeFolderAt,
  openAt,
  openBelow,
  readLinkAt,
  statAt,
  unlinkAt,
} from "../sys/at.ts";
import { O_PATH } from "../sys/openat2.ts";
import { copyFolderAttributes, copyUp } from "./copy-up.ts";
import type { LayerBudget } from "./layer-budget.ts";
import { quoteName, refusedLayer } from "./layer-error.ts";
import type { LayerNotes } from "./layer-notes.ts";
import { checkDepth, isDotDot, joinPath, type LayerPath, splitNames } from "./layer-path.ts";
import type { LowerFolder, LowerLayers, LowerObject } from "./lower-layers.ts";
import { removeBelow } from "./remove-below.ts";

/** A folder of the layer: a descriptor that the caller closes, and its place without links on the way. */
export interface TreeFolder {
  readonly fd: number;
  readonly path: LayerPath;
}

/** What to do with a folder on the way that is nowhere: make it, as containerd does, or refuse the entry. */
export type Missing = "make" | "refuse";

/** Where a walk stands; `below` is the lower layers' folder there, null for none, undefined when not yet looked for. */
interface Standing extends TreeFolder {
  readonly below: LowerFolder | null | undefined;
}

const openPath = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const maxLinks = 40; // the kernel's own limit
const madeMode = 0o755;
const blockBytes = 4096;
const folderBytes = blockBytes;

/**
 * The folder of one layer while it is filled, seen through what overlayfs will show of it over its lower layers: a
 * folder that exists only below is made here with its attributes before something is put into it, and a link on the
 * way is followed wherever it is. Every descriptor is opened by the kernel without following a link.
 */
export class LayerTree {
  readonly rootFd: number;
  readonly notes: LayerNotes;
  /** What no entry of the layer asked for by itself: folders on the way, copies of lower files. */
  readonly made: { inodes: number; sizeBytes: number } = { inodes: 0, sizeBytes: 0 };
  readonly #getLower: () => LowerLayers;
  readonly #budget: LayerBudget;

  /** @param getLower called whenever lower layers are asked for; it may wait until they are complete */
  constructor(rootFd: number, notes: LayerNotes, getLower: () => LowerLayers, budget: LayerBudget) {
    this.rootFd = rootFd;
    this.notes = notes;
    this.#getLower = getLower;
    this.#budget = budget;
  }

  get lower(): LowerLayers {
    return this.#getLower();
  }

  /** Opens the folder at `path`. @throws INVALID_ARGUMENT when something on the way is no folder or leads out */
  openFolder(path: LayerPath, missing: Missing): TreeFolder {
    const fd = openBelow(this.rootFd, joinPath(path), openPath);
    return fd >= 0 ? { fd, path } : this.#walk(path, missing);
  }

  /** Makes the name free for something new, whatever was there. */
  clear(folder: TreeFolder, name: Buffer): "nothing" | "folder" | "other" {
    const status = statAt(folder.fd, name);
    if (status === undefined) return "nothing";
    if (status.type === fileType.folder) {
      removeBelow(folder.fd, name, (path) => this.notes.forget([...folder.path, ...path]));
      return "folder";
    }
    unlinkAt(folder.fd, name);
    this.notes.forget([...folder.path, name]);
    return "other";
  }

  /** The status of a name in this layer, copied from a lower one first if it is only there; undefined when it is nowhere. */
  bringUp(folder: TreeFolder, name: Buffer): FileStatus | undefined {
    const path = [...folder.path, name];
    const here = statAt(folder.fd, name);
    const isHidden = this.notes.isWhiteout(path) || this.notes.isOpaque(folder.path);
    if (isHidden) return this.notes.isCopiedUp(path) ? undefined : here;
    return (
      here ??
      this.findLower(path, (object) => {
        const { type, sizeBytes } = object.status;
        if (type === fileType.folder) return object.status;
        if (type === fileType.file) this.#budget.spendContent(sizeBytes);
        copyUp(object, folder.fd);
        this.#count(type === fileType.file ? sizeBytes : 0);
        this.notes.addCopiedUp(path);
        return object.status;
      })
    );
  }

  /** As {@link LowerLayers.find}. @throws RESOURCE_EXHAUSTED when the layer has asked for too much of this */
  findLower<T>(path: LayerPath, use: (object: LowerObject) => T): T | undefined {
    const { lower } = this;
    this.#budget.spendLookups(path.length * lower.size);
    return lower.find(path, use);
  }

  /** Lower layers have this name no longer. What this layer itself has under it stays. */
  hide(folder: TreeFolder, name: Buffer): void {
    const path = [...folder.path, name];
    this.notes.addWhiteout(path);
    const status = statAt(folder.fd, name);
    if (status?.type === fileType.folder) {
      this.notes.addOpaque(path);
    } else if (status !== undefined && this.notes.isCopiedUp(path)) {
      unlinkAt(folder.fd, name);
      this.notes.forget(path);
    }
  }

  #walk(path: LayerPath, missing: Missing): TreeFolder {
    const shown = quoteName(joinPath(path));
    const pending = path.map((name) => ({ name, ofLink: false })).reverse();
    let links = 0;
    let here: Standing = this.#stand([]);
    const enter = (next: Standing): void => {
      leave(here);
      here = next;
    };
    try {
      for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
        if (isDotDot(step.name)) {
          if (here.path.length === 0) throw refusedLayer(`a link on the way to ${shown} leads out of the layer`);
          this.#budget.spendLookups(1);
          enter(this.#stand(here.path.slice(0, -1)));
          continue;
        }
        checkDepth(here.path);
        this.#budget.spendLookups(1);
        const link = readLink(here, step.name);
        const found = link ?? this.#step(here, step.name, step.ofLink ? "refuse" : missing, shown);
        if (!Buffer.isBuffer(found)) {
          enter(found);
          continue;
        }
        links++;
        if (links > maxLinks) throw refusedLayer(`there are more than ${maxLinks} links on the way to ${shown}`);
        if (found[0] === 0x2f) enter(this.#stand([]));
        pending.push(
          ...splitNames(found)
            .map((name) => ({ name, ofLink: true }))
            .reverse(),
        );
      }
      here.below?.close();
      return { fd: here.fd, path: here.path };
    } catch (error) {
      leave(here);
      throw error;
    }
  }

  /** One name further: the folder there, made or copied from below if need be, or the target of a lower layer's link. */
  #step(here: Standing, name: Buffer, missing: Missing, shown: string): Standing | Buffer {
    const path = [...here.path, name];
    const status = statAt(here.fd, name);
    if (status?.type === fileType.folder) return { fd: openAt(here.fd, name, openPath), path, below: undefined };
    if (status !== undefined) throw refusedLayer(`${quoteName(joinPath(path))} on the way to ${shown} is no folder`);
    const below = here.below === undefined ? this.#lowerFolder(here.path) : here.below;
    this.#budget.spendLookups(below?.size ?? 0);
    try {
      const isHidden = this.notes.isWhiteout(path);
      const found = isHidden ? undefined : below?.find(name, (object) => this.#bringFolder(here, object, path, shown));
      if (Buffer.isBuffer(found)) return found;
      if (found !== undefined) return { fd: found, path, below: below?.enter(name) ?? null };
      if (missing === "refuse") throw refusedLayer(`there is no ${quoteName(joinPath(path))} on the way to ${shown}`);
      makeFolderAt(here.fd, name, madeMode);
      chmodAt(here.fd, name, madeMode); // whatever the umask is
      this.#count(folderBytes);
      if (isHidden) this.notes.addOpaque(path);
      return { fd: openAt(here.fd, name, openPath), path, below: null };
    } finally {
      if (here.below === undefined) below?.close();
    }
  }

  #bringFolder(here: TreeFolder, object: LowerObject, path: LayerPath, shown: string): number | Buffer {
    const { status, parentFd, name } = object;
    if (status.type === fileType.symlink) return readLinkAt(parentFd, name);
    if (status.type !== fileType.folder) {
      throw refusedLayer(`${quoteName(joinPath(path))} on the way to ${shown} is no folder`);
    }
    makeFolderAt(here.fd, name, 0o700);
    copyFolderAttributes(object, here.fd);
    this.#count(folderBytes);
    this.notes.setFolderTime(path, status.mtimeNs);
    return openAt(here.fd, name, openPath);
  }

  #lowerFolder(path: LayerPath): LowerFolder | null {
    if (this.notes.isOpaque(path)) return null;
    const { lower } = this;
    this.#budget.spendLookups(path.length * lower.size);
    return lower.openFolder(path) ?? null;
  }

  #count(bytes: number): void {
    this.made.inodes++;
    this.made.sizeBytes += Math.ceil(bytes / blockBytes) * blockBytes;
  }

  #stand(path: LayerPath): Standing {
    const fd = openBelow(this.rootFd, joinPath(path), openPath);
    if (fd < 0) throw refusedLayer(`the folder ${quoteName(joinPath(path))} went away`);
    return { fd, path, below: undefined };
  }
}

function readLink(here: TreeFolder, name: Buffer): Buffer | undefined {
  return statAt(here.fd, name)?.type === fileType.symlink ? readLinkAt(here.fd, name) : undefined;
}

function leave(here: Standing): void {
  closeSync(here.fd);
  here.below?.close();
}
