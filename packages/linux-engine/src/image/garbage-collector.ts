import { type Collected, collectGarbage, type ImageIndex } from "@keelson/image-store";
import type { EngineLog } from "../log.ts";
import type { Snapshots } from "../snapshots/snapshots.ts";

export interface GarbageCollectorOptions {
  readonly index: ImageIndex;
  readonly snapshots: Snapshots;
  readonly log: EngineLog;
  /** How long what a failed pull has brought waits for the next try; default 10 minutes. */
  readonly retryMs?: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const defaultRetryMs = 10 * 60 * 1000;

/** Removes blobs and layers that nothing needs any more, one run at a time. */
export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /**
   * Removes what is not needed now; of partial blobs that no pull waits for those that are older than `partialMaxAgeMs`.
   * What can't be removed is logged and tried the next time.
   */
  collect(partialMaxAgeMs: number = dayMs): Promise<void> {
    const run = this.#tail.then(() => this.#collect(partialMaxAgeMs));
    this.#tail = run;
    return run;
  }

  /** Lets go of what a failed pull has brought, when there was no next try for a while. */
  releaseLater(release: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      release();
      void this.collect(0);
    }, this.#options.retryMs ?? defaultRetryMs).unref();
    this.#timers.add(timer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#tail;
  }

  async #collect(partialMaxAgeMs: number): Promise<void> {
    if (this.#isClosed) return;
    const { index, snapshots, log } = this.#options;
    try {
      const collected: Collected = await collectGarbage(index, {
        partialMaxAgeMs,
        chains: {
          list: async () => [...snapshots.layers.keys()],
          remove: (chainId) => snapshots.removeChain(chainId),
        },
      });
      if (collected.blobs + collected.chains > 0) log.info("removed what no image needs", describe(collected));
      for (const error of collected.failures) log.warn("could not remove a blob or a layer", { error });
    } catch (error) {
      log.warn("could not collect garbage", { error });
    }
  }
}

function describe({ blobs, bytes, chains }: Collected): Readonly<Record<string, number>> {
  return { blobs, bytes, layers: chains };
}
