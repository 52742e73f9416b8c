import { realpath, stat } from "node:fs/promises";
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
  #passed: ReadonlySet<string> = new Set();
  #timer: ReturnType<typeof setInterval> | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #failure: unknown;
  #sealed = false;
  #most = maxWaiting;

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
    this.#passed = new Set([...this.#passed, fileKey(await log.file.stat({ bigint: true }))]);
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
    if (stats === undefined || isSameFile(stats, newest.stats)) return;
    const opened = await ifThere(openLog(path));
    if (opened === undefined) return;
    await this.#queue(newest, opened);
    await this.#watchBoth();
  }

  /** Opens the first file, and notes which rotated ones are older. */
  async #begin(): Promise<void> {
    const { path } = this.#deps;
    // before the look, so that what comes after it is seen
    await this.#watchBoth();
    for (let attempt = 1; ; attempt++) {
      const before = this.#timer === undefined ? undefined : await rotatedKeys(path);
      const opened = await ifThere(openLog(path));
      if (opened === undefined) return;
      // a rotation in between would be taken for one before or after the file that was opened
      if (before === undefined || attempt === 10 || (await rotatedKeys(path)).every((key) => before.includes(key))) {
        this.#passed = new Set(before);
        this.#files.push(opened);
        return;
      }
      await opened.file.close();
    }
  }

  /** Queues a file that took another one's place, and those that had it in between. */
  async #queue(newest: OpenLog, opened: OpenLog): Promise<void> {
    const { path, tell } = this.#deps;
    const rotated = await listRotated(path);
    const found: Found[] = [];
    let name = path;
    for (const [file, stats] of rotated) {
      if (isSameFile(stats, opened.stats)) name = file;
      const known = [opened, ...this.#files].some((log) => isSameFile(log.stats, stats));
      if (known || this.#passed.has(fileKey(stats))) continue;
      const log = await ifThere(openLog(file));
      if (log === undefined) tell({ type: "missed", path: file });
      else found.push({ file, log });
    }
    if ((await newest.file.stat()).nlink === 0) tell({ type: "missed", path });
    const now = await ifThere(stat(path, { bigint: true }));
    if (now !== undefined && isSameFile(now, opened.stats)) {
      this.#files.push(...(await inOrder(found)), opened);
    } else {
      // it has been rotated meanwhile, and one that was found may be newer
      this.#files.push(...(await inOrder([...found, { file: name, log: opened }])));
      this.#again = true;
    }
    const present = new Set([...rotated.values()].map(fileKey));
    this.#passed = new Set([...this.#passed].filter((key) => present.has(key)));
  }

  /** Watches the folder of the path, and that of the file where the path is a link. */
  async #watchBoth(): Promise<void> {
    if (this.#timer === undefined) return;
    const { path } = this.#deps;
    const real = await ifThere(realpath(path));
    this.#watch.update(real === undefined || real === path ? [path] : [path, real]);
  }
}

async function rotatedKeys(path: string): Promise<readonly string[]> {
  return [...(await listRotated(path)).values()].map(fileKey);
}

interface Found {
  readonly file: string;
  readonly log: OpenLog;
}

/** By when they were last written, which follows the rotations whatever the names are; within a tick by name. */
async function inOrder(found: readonly Found[]): Promise<readonly OpenLog[]> {
  const dated = await Promise.all(
    found.map(async (one) => ({ ...one, mtimeNs: (await one.log.file.stat({ bigint: true })).mtimeNs })),
  );
  dated.sort((a, b) => Number(a.mtimeNs - b.mtimeNs) || (a.file < b.file ? -1 : 1));
  return dated.map(({ log }) => log);
}
