import { join } from "node:path";
import { internal } from "@keelson/cri-api/errors";
import { type FolderWatch, watchFolder } from "../sys/watch-folder.ts";
import { type ExitFile, readExitFile } from "./exit-file.ts";

/** A monitor that runs: one that we started, or one that was adopted. */
export interface RunningMonitor {
  /** Resolves when conmon has ended. */
  readonly exited: Promise<unknown>;
  /** Lets go of it without harm; only an adopted one is held. */
  close?(): void;
}

export interface ExitWatcherOptions {
  readonly exitFolder: string;
  /** Told once per container; `file` is undefined when conmon ended without one. */
  readonly onEnd: (id: string, file: ExitFile | undefined) => void;
  /** Told when the folder or a file of it cannot be read; the end of conmon itself is still seen, and a file tried again. */
  readonly onError: (error: unknown) => void;
  /** How long until a file that could not be read is tried again; default 1 second. */
  readonly retryMs?: number;
}

/**
 * Watches for the end of containers: a file of the container's name in conmon's exit folder, or the end of conmon itself.
 * The container is not our child, and its pidfd fires before conmon has written down how it ended: neither would do.
 */
export class ExitWatcher implements Disposable {
  readonly #options: ExitWatcherOptions;
  readonly #folder: FolderWatch;
  readonly #watched = new Set<string>();
  #closed = false;

  constructor(options: ExitWatcherOptions) {
    this.#options = options;
    this.#folder = watchFolder(options.exitFolder, {
      onFile: (name) => this.#look(name, false),
      onOverflow: () => {
        for (const id of this.#watched) this.#look(id, false);
      },
      onGone: () => options.onError(internal(`watch ${options.exitFolder}: the folder is gone`)),
    });
    this.#folder.unref();
  }

  /** Also sees an end that came before. */
  watch(id: string, monitor: RunningMonitor): void {
    if (this.#closed) throw internal(`watch container ${id}: the engine is closed`);
    this.#watched.add(id);
    const end = (): void => this.#look(id, true);
    monitor.exited.then(end, (error: unknown) => {
      this.#options.onError(error);
      end(); // only how is not known
    });
    this.#look(id, false);
  }

  /** Nothing more is told of it. */
  unwatch(id: string): void {
    this.#watched.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#folder.close();
    this.#watched.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #look(id: string, monitorEnded: boolean): void {
    if (!this.#watched.has(id)) return; // also the temporary names under which conmon writes
    readExitFile(join(this.#options.exitFolder, id)).then(
      (file) => {
        if (file === undefined && !monitorEnded) return;
        if (this.#watched.delete(id)) this.#options.onEnd(id, file);
      },
      (error: unknown) => {
        this.#options.onError(error);
        setTimeout(() => this.#look(id, monitorEnded), this.#options.retryMs ?? 1_000).unref();
      },
    );
  }
}
