import { readdir } from "node:fs/promises";
import type { EngineLog } from "../log.ts";
import { run } from "../sys/run.ts";

const deadlineMs = 30 * 60 * 1000;
const folderFd = 3;

/**
 * Removes the folders that were moved into one place to be removed, one after the other, off the event loop: `rm` goes
 * down by descriptors, follows no link, crosses into no other file system, and does not mind how deep a container has
 * dug.
 */
export class TreeRemover {
  readonly #fd: number;
  readonly #log: EngineLog;
  readonly #stop = new AbortController();
  #tail: Promise<void> = Promise.resolve();

  /** @param fd the open folder in which they are */
  constructor(fd: number, log: EngineLog) {
    this.#fd = fd;
    this.#log = log;
  }

  /** Begins to remove a name of the folder. What can't be removed is logged and tried again at the next start. */
  remove(name: string): void {
    this.#tail = this.#tail.then(() => this.#remove(name));
  }

  /** Everything that is in the folder now. */
  async removeAll(): Promise<void> {
    for (const name of await readdir(`/proc/self/fd/${this.#fd}`)) this.remove(name);
  }

  /** Resolves when all that was asked for until now is gone. */
  drained(): Promise<void> {
    return this.#tail;
  }

  /** Stops; what is left is removed at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#tail;
  }

  async #remove(name: string): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      await run(["rm", "-rf", "--one-file-system", "--", `/proc/self/fd/${folderFd}/${name}`], {
        deadlineMs,
        signal: this.#stop.signal,
        descriptors: { [folderFd]: this.#fd },
      });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log.warn("could not remove a snapshot", { name, error });
    }
  }
}
