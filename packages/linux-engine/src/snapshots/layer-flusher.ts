import { writeFile } from "node:fs/promises";
import type { EngineLog } from "../log.ts";
import { run } from "../sys/run.ts";

const defaultDelayMs = 60_000;
const deadlineMs = 10 * 60 * 1000;

export interface LayerFlusherOptions {
  /** The file system to flush, by a folder on it. */
  readonly folder: string;
  /** Where the mark of a layer belongs, once it is safe. */
  readonly markOf: (chain: string) => string;
  readonly log: EngineLog;
  /** How long after a layer was put into place; by then the kernel has written most of it. Default one minute. */
  readonly delayMs?: number;
}

/**
 * Makes layers survive a loss of power without an fsync on the way of a pull: some time after it the file system is
 * flushed once, and only then do the layers get the mark by which they are trusted in a later boot.
 */
export class LayerFlusher {
  readonly #options: LayerFlusherOptions;
  readonly #waiting = new Set<string>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LayerFlusherOptions) {
    this.#options = options;
  }

  add(chain: string): void {
    this.#waiting.add(chain);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, this.#options.delayMs ?? defaultDelayMs).unref();
  }

  /** The layer has gone: nothing is to be marked. */
  forget(chain: string): void {
    this.#waiting.delete(chain);
  }

  /** Flushes now. What fails is logged and tried again with the next layer. */
  flush(): Promise<void> {
    this.#running = this.#running.then(() => this.#flush());
    return this.#running;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#running;
  }

  async #flush(): Promise<void> {
    const chains = [...this.#waiting];
    if (chains.length === 0 || this.#stop.signal.aborted) return;
    try {
      await run(["sync", "-f", this.#options.folder], { deadlineMs, signal: this.#stop.signal });
      for (const chain of chains) {
        if (this.#waiting.delete(chain)) await writeFile(this.#options.markOf(chain), "", { mode: 0o600 });
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#options.log.warn("could not flush layers", { error });
    }
  }
}
