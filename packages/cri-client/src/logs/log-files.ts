import type { BigIntStats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { findSuccessors } from "./find-successors.ts";
import type { LogEvent } from "./log-event.ts";
import { type OpenLog, openLog } from "./open-log.ts";
import { readFailure } from "./read-failure.ts";
import { fileKey, ifThere, isSameFile, listRotated } from "./rotated-files.ts";
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
  /** Rotated files that have been read, or were there before; those that are there still. */
  #passed = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #failure: unknown;
  /** Where the path led to last. */
  #real: string | undefined;
  #unwatched: unknown;
  #sealed = false;
  #most = maxWaiting;

  constructor(deps: LogFilesDeps) {
    this.#deps = deps;
    this.#watch = new FolderWatch({
      changed: (change) => this.#onChange(change === "rename"),
      failed: (_, cause) => {
        this.#unwatched = cause;
      },
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
    // all of them at once: what is not open now would never be
    this.#most = Number.POSITIVE_INFINITY;
    await this.scan();
    this.#sealed = true;
    for (const log of this.#files) log.limit = await log.sizeBytes();
  }

  /** Gives the current file up, for the next one. */
  async advance(): Promise<void> {
    const log = this.#files[0];
    if (log === undefined) return;
    // before it leaves the queue: a scan that runs meanwhile must not take it for a new one
    this.#passed.add(fileKey(await log.file.stat({ bigint: true })));
    this.#files.shift();
    await log.file.close();
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
        this.#tellUnwatched();
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
    if (newest === undefined) {
      await this.#begin();
      return;
    }
    if (this.#files.length >= this.#most) return;
    const stats = await ifThere(stat(path, { bigint: true }));
    if (stats !== undefined && isSameFile(stats, newest.stats)) return;
    await this.#queue(newest, await ifThere(openLog(path)));
    await this.#watchBoth();
  }

  /** Opens the first file, and notes which rotated ones are older. */
  async #begin(): Promise<void> {
    const { path } = this.#deps;
    // before the look, so that what comes after it is seen
    await this.#watchBoth();
    for (let attempt = 1; ; attempt++) {
      const before = this.#timer === undefined ? undefined : await rotatedKeys(await this.#realPath());
      const opened = await ifThere(openLog(path));
      if (opened === undefined) return;
      // a rotation in between would be taken for one before or after the file that was opened
      const after = before === undefined ? [] : await rotatedKeys(await this.#realPath());
      if (attempt === 10 || after.every((key) => before?.includes(key))) {
        this.#passed = new Set(before);
        this.#files.push(opened);
        return;
      }
      await opened.file.close();
    }
  }

  /** Queues the file that took another one's place, if there is one already, and those that had it in between. */
  async #queue(newest: OpenLog, opened: OpenLog | undefined): Promise<void> {
    const { path, tell } = this.#deps;
    const before = [...this.#passed];
    try {
      const real = await this.#realPath();
      const found = await findSuccessors({ path, real, opened, isKnown: (stats) => this.#isKnown(stats) });
      this.#files.push(...found.logs);
      this.#again ||= found.more;
      for (const key of before) if (!found.present.has(key)) this.#passed.delete(key);
      for (const file of found.missed) tell({ type: "missed", path: file });
      if (found.logs.length > 0 && (await newest.file.stat()).nlink === 0) tell({ type: "missed", path });
    } catch (error) {
      if (opened !== undefined && !this.#files.includes(opened)) await opened.file.close();
      throw error;
    }
  }

  /** Asked at the moment: files are read and given up while it is looked for new ones. */
  #isKnown(stats: BigIntStats): boolean {
    return this.#passed.has(fileKey(stats)) || this.#files.some((log) => isSameFile(log.stats, stats));
  }

  #tellUnwatched(): void {
    const cause = this.#unwatched;
    this.#unwatched = undefined;
    if (cause !== undefined) this.#deps.tell({ type: "unwatched", path: this.#deps.path, cause });
  }

  /** Watches the folder of the path, and that of the file where the path is a link. */
  async #watchBoth(): Promise<void> {
    if (this.#timer === undefined) return;
    const { path } = this.#deps;
    this.#watch.update([path, await this.#realPath()]);
  }

  /** Where the path leads to, or led to last: a link leads nowhere while a rotation goes on. */
  async #realPath(): Promise<string> {
    this.#real = (await ifThere(realpath(this.#deps.path))) ?? this.#real;
    return this.#real ?? this.#deps.path;
  }
}

async function rotatedKeys(real: string): Promise<readonly string[]> {
  return [...(await listRotated(real)).values()].map(fileKey);
}
