import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** What a watch saw: a file that grew or shrank, or one that was made, renamed or removed. */
export type FolderChange = "change" | "rename";

export interface WatchDeps {
  /** Called for files whose name begins with one of the watched ones, and where the name is not known. */
  readonly changed: (change: FolderChange) => void;
  /** The folder can't be watched (there are too many watches, say); told once for each folder. */
  readonly failed: (folder: string, error: unknown) => void;
}

/** Watches the folders in which the given files lie; not the files, which are renamed. */
export class FolderWatch {
  readonly #deps: WatchDeps;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #failed = new Set<string>();
  #names = new Set<string>();

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** Watches for exactly these files from now on. */
  update(files: readonly string[]): void {
    this.#names = new Set(files.map((file) => basename(file)));
    const folders = new Set(files.map((file) => dirname(file)));
    for (const folder of this.#watchers.keys()) if (!folders.has(folder)) this.#stop(folder);
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#start(folder);
  }

  close(): void {
    for (const folder of this.#watchers.keys()) this.#stop(folder);
  }

  #start(folder: string): void {
    try {
      const watcher = watch(folder, (change, name) => {
        if (name === null || [...this.#names].some((one) => name.startsWith(one))) this.#deps.changed(change);
      });
      // some runtimes tell here what others throw
      watcher.on("error", (error) => {
        this.#fail(folder, error);
        this.#deps.changed("rename");
      });
      this.#watchers.set(folder, watcher);
    } catch (error) {
      this.#fail(folder, error);
    }
  }

  #fail(folder: string, error: unknown): void {
    this.#stop(folder);
    if (this.#failed.has(folder)) return;
    this.#failed.add(folder);
    this.#deps.failed(folder, error);
  }

  #stop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
