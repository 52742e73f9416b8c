import { oversizedLayer } from "./layer-error.ts";
import { type LayerPath, pathKey } from "./layer-path.ts";

/** What all remembered names together may take. */
const maxNoteBytes = 256 * 1024 * 1024;
const entryBytes = 100;

export interface OpaqueLimits {
  readonly opaqueFolders: number;
  readonly opaqueBytes: number;
}

/** What has to be remembered of a layer until its last entry has come, by {@link pathKey}. */
export class LayerNotes {
  readonly #opaque: Set<string> = new Set();
  readonly #whiteouts: Set<string> = new Set();
  readonly #folderTimes: Map<string, bigint> = new Map();
  readonly #copiedUp: Set<string> = new Set();
  readonly #limits: OpaqueLimits;
  #bytes = 0;
  #opaqueBytes = 0;

  constructor(limits: OpaqueLimits) {
    this.#limits = limits;
  }

  /** Folders that hide what lower layers have in them. */
  get opaque(): ReadonlySet<string> {
    return this.#opaque;
  }

  /** Names that lower layers have no longer; the marks are made at the end, where they then still mean something. */
  get whiteouts(): ReadonlySet<string> {
    return this.#whiteouts;
  }

  /** When folders were changed last; set at the end, because every new file in them changes it. */
  get folderTimes(): ReadonlyMap<string, bigint> {
    return this.#folderTimes;
  }

  /** Files that are here only because a lower one was linked to. */
  get copiedUp(): ReadonlySet<string> {
    return this.#copiedUp;
  }

  addOpaque(path: LayerPath): void {
    const before = this.#opaque.size;
    const key = this.#count(path);
    if (this.#opaque.add(key).size > before) this.#opaqueBytes += key.length;
    const { opaqueFolders, opaqueBytes } = this.#limits;
    if (this.#opaque.size > opaqueFolders) throw oversizedLayer(`more than ${opaqueFolders} opaque folders`);
    if (this.#opaqueBytes > opaqueBytes)
      throw oversizedLayer(`more than ${opaqueBytes} bytes of opaque folders' paths`);
  }

  addWhiteout(path: LayerPath): void {
    this.#whiteouts.add(this.#count(path));
  }

  setFolderTime(path: LayerPath, mtimeNs: bigint): void {
    this.#folderTimes.set(this.#count(path), mtimeNs);
  }

  addCopiedUp(path: LayerPath): void {
    this.#copiedUp.add(this.#count(path));
  }

  isCopiedUp(path: LayerPath): boolean {
    return this.#copiedUp.has(pathKey(path));
  }

  isWhiteout(path: LayerPath): boolean {
    return this.#whiteouts.size > 0 && this.#whiteouts.has(pathKey(path));
  }

  /** True when this folder, or one above it, hides what lower layers have in it. */
  isOpaque(folder: LayerPath): boolean {
    if (this.#opaque.size === 0) return false;
    return this.#opaque.has("") || folder.some((_, index) => this.#opaque.has(pathKey(folder.slice(0, index + 1))));
  }

  /** What was at this path has gone. That it hid a lower file stays true. */
  forget(path: LayerPath): void {
    const key = pathKey(path);
    this.#folderTimes.delete(key);
    this.#copiedUp.delete(key);
  }

  #count(path: LayerPath): string {
    const key = pathKey(path);
    this.#bytes += key.length + entryBytes;
    if (this.#bytes > maxNoteBytes) throw oversizedLayer("too many and too long names of folders and whiteouts");
    return key;
  }
}
