import { closeSync, constants } from "node:fs";
import { type FileStatus, fileType, openAt, statAt } from "../sys/at.ts";
import { O_PATH } from "../sys/openat2.ts";
import type { LayerPath } from "./layer-path.ts";

/** A layer that is complete, as a folder, read only. */
export interface LowerLayer {
  readonly folderFd: number;
  /** {@link pathKey} of its opaque folders: the mark on the folders themselves is for CAP_SYS_ADMIN only. */
  readonly opaque: ReadonlySet<string>;
}

/** Something in the lower layers: its status, and where to open it. The descriptor is valid during the call only. */
export interface LowerObject {
  readonly status: FileStatus;
  readonly parentFd: number;
  readonly name: Buffer;
}

/**
 * What overlayfs shows of complete layers on top of each other (kernel documentation, "Overlay Filesystem": whiteouts,
 * opaque and merged folders), the uppermost first.
 */
export class LowerLayers {
  readonly #layers: readonly LowerLayer[];

  constructor(layers: readonly LowerLayer[]) {
    const last = layers.findIndex((layer) => layer.opaque.has(""));
    this.#layers = last < 0 ? layers : layers.slice(0, last + 1);
  }

  get size(): number {
    return this.#layers.length;
  }

  /** The uppermost root folder; undefined without layers. */
  get rootFd(): number | undefined {
    return this.#layers[0]?.folderFd;
  }

  /** The folder at `path`, on the way to which there is no link; undefined when it is not there. The caller closes it. */
  openFolder(path: LayerPath): LowerFolder | undefined {
    let here: LowerFolder | undefined = new LowerFolder(
      "",
      this.#layers.map((layer) => ({ fd: layer.folderFd, layer, owned: false })),
    );
    for (const name of path) {
      const next: LowerFolder | undefined = here.enter(name);
      here.close();
      if (next === undefined) return undefined;
      here = next;
    }
    return here;
  }

  /** Calls `use` with what is at this path, which is not the root; undefined when nothing is. */
  find<T>(path: LayerPath, use: (object: LowerObject) => T): T | undefined {
    const folder = this.openFolder(path.slice(0, -1));
    try {
      return folder?.find(path.at(-1) ?? Buffer.alloc(0), use);
    } finally {
      folder?.close();
    }
  }
}

interface MergedFolder {
  readonly fd: number;
  readonly layer: LowerLayer;
  readonly owned: boolean;
}

const openFolder = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** One folder of the lower layers, merged from those that have it. */
export class LowerFolder {
  readonly #key: string;
  readonly #merged: readonly MergedFolder[];

  constructor(key: string, merged: readonly MergedFolder[]) {
    this.#key = key;
    this.#merged = merged;
  }

  /** How many layers are merged in it. */
  get size(): number {
    return this.#merged.length;
  }

  /** Calls `use` with what has this name here; undefined when nothing has. */
  find<T>(name: Buffer, use: (object: LowerObject) => T): T | undefined {
    for (const { fd } of this.#merged) {
      const status = statAt(fd, name);
      if (status === undefined) continue;
      return isWhiteout(status) ? undefined : use({ status, parentFd: fd, name });
    }
    return undefined;
  }

  /** The folder of this name in it; undefined when there is none. The caller closes both. */
  enter(name: Buffer): LowerFolder | undefined {
    const text = name.toString("latin1");
    const key = this.#key === "" ? text : `${this.#key}/${text}`;
    const inside: MergedFolder[] = [];
    try {
      for (const { fd, layer } of this.#merged) {
        const status = statAt(fd, name);
        if (status === undefined) continue;
        if (status.type !== fileType.folder) break;
        inside.push({ fd: openAt(fd, name, openFolder), layer, owned: true });
        if (layer.opaque.has(key)) break;
      }
    } catch (error) {
      closeOwned(inside);
      throw error;
    }
    return inside.length === 0 ? undefined : new LowerFolder(key, inside);
  }

  close(): void {
    closeOwned(this.#merged);
  }
}

function closeOwned(folders: readonly MergedFolder[]): void {
  for (const { fd, owned } of folders) if (owned) closeSync(fd);
}

/** overlayfs's mark for "no longer there". */
function isWhiteout(status: FileStatus): boolean {
  return status.type === fileType.charDevice && status.major === 0 && status.minor === 0;
}
