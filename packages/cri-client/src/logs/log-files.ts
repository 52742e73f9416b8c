import { realpath, stat } from "node:fs/promises";
import type { LogEvent } from "./log-event.ts";
import { type OpenLog, openLog } from "./open-log.ts";
import { errorCode, readFailure } from "./read-failure.ts";
import { isSameFile, rotatedBetween } from "./rotated-files.ts";
import { FolderWatch } from "./watch-folders.ts";

/** Rotations that wait for a slow reader; later ones are found when it has caught up. */
const maxWaiting = 16;

export interface LogFilesDeps {
  readonly path: string;
  /** How often it is looked for changes that no watch has told. */
  readonly pollMs: number;
  readonly changed: () => void;
  readonly tell: (event: LogEvent) => void;
}

/**
 * The files behind a log's path, in the order in which they were written. A file that takes another one's place is
 * opened as soon as it is seen and waits until the earlier ones have been read: from then on it may be renamed,
 * compressed or removed.
 */
export class LogFiles {
  readonly #deps: LogFilesDeps;
  readonly #watch: FolderWatch;
  readonly #files: OpenLog[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #failure: unknown;
  #sealed = false;

  constructor(deps: LogFilesDeps) {
    this.#deps = deps;
    const { path, tell } = deps;
    this.#watch = new FolderWatch({
      changed: (change) => this.#onChange(change === "rename"),
      failed: (_, cause) => tell({ type: "unwatched", path, cause }),
    });
  }

  /** The file to read; undefined while there is none. */
  get current(): OpenLog | undefined {
    return this.#files[0];
  }

  /** The file that took the current one's place. */
  get next(): OpenLog | undefined {
    return this.#files[1];
  }

  /** Why the newest state of the path could not be seen. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Looks for changes by itself from now on. */
  follow(): void {
    this.#timer = setInterval(() => this.#onChange(true), this.#deps.pollMs);
  }

  /** Looks at the path now. Never rejects: see `failure`. */
  scan(): Promise<void> {
    this.#again = true;
    this.#scanning ??= this.#scanAll();
    return this.#scanning;
  }

  /** Sets the end: what is there now is read, and nothing more. */
  async seal(): Promise<void> {
    await this.scan();
    this.#sealed = true;
    for (const log of this.#files) log.limit = await log.sizeBytes();
  }

  /** Gives the current file up, for the next one. */
  async advance(): Promise<void> {
    await this.#files.shift()?.file.close();
  }

  async close(): Promise<void> {
    this.#sealed = true;
    clearInterval(this.#timer);
    this.#watch.close();
    await this.#scanning;
    for (const log of this.#files.splice(0)) await log.file.close();
  }

  #onChange(look: boolean): void {
    const { changed } = this.#deps;
    // not left to the reader, who may be busy: a file that comes and goes meanwhile would not be seen
    if (look) this.scan().then(changed, changed);
    else changed();
  }

  async #scanAll(): Promise<void> {
    try {
      while (this.#again && !this.#sealed) {
        this.#again = false;
        await this.#scanOnce();
      }
      this.#failure = undefined;
    } catch (error) {
      this.#failure = readFailure(this.#deps.path, error);
    } finally {
      this.#scanning = undefined;
    }
  }

  async #scanOnce(): Promise<void> {
    const { path } = this.#deps;
    const newest = this.#files.at(-1);
    if (this.#timer !== undefined) await this.#watchBoth();
    if (this.#files.length >= maxWaiting) return;
    const stats = await ifThere(stat(path, { bigint: true }));
    if (stats === undefined || (newest !== undefined && isSameFile(stats, newest.stats))) return;
    const opened = await ifThere(openLog(path));
    if (opened === undefined) return;
    if (newest === undefined) this.#files.push(opened);
    else if (isSameFile(opened.stats, newest.stats)) await opened.file.close();
    else await this.#queue(newest, opened);
  }

  /** Queues a file that took another one's place, after those that had it in between. */
  async #queue(newest: OpenLog, opened: OpenLog): Promise<void> {
    const { path, tell } = this.#deps;
    try {
      const from = await newest.file.stat({ bigint: true });
      for (const file of await rotatedBetween(path, from, opened.stats)) {
        try {
          this.#files.push(await openLog(file));
        } catch (cause) {
          tell({ type: "missed", path: file, cause });
        }
      }
    } finally {
      this.#files.push(opened);
    }
  }

  /** The folder of the path, and that of the file where the path is a link. */
  async #watchBoth(): Promise<void> {
    const { path } = this.#deps;
    const real = await ifThere(realpath(path));
    this.#watch.update(real === undefined || real === path ? [path] : [path, real]);
  }
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
