import { type Collected, collectGarbage, type ImageIndex } from "@keelson/image-store";
import type { Counter, Meter, Series } from "@keelson/runtime-core/ports";
import type { EngineLog } from "../log.ts";
import type { Snapshots } from "../snapshots/snapshots.ts";

export interface GarbageCollectorOptions {
  readonly index: ImageIndex;
  readonly snapshots: Snapshots;
  readonly log: EngineLog;
  readonly meter: Meter;
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
  readonly #runs: Series<Counter>;
  readonly #removed: Series<Counter>;
  readonly #removedBytes: Counter;
  #isClosed = false;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
    const { meter } = options;
    this.#runs = meter.counter({
      name: "keelson_image_gc_runs_total",
      help: "Collections of what no image needs. Partial: something could not be removed.",
      labels: ["result"],
    });
    this.#removed = meter.counter({
      name: "keelson_image_gc_removed_total",
      help: "Blobs and unpacked layers that were removed.",
      labels: ["kind"],
    });
    this.#removedBytes = meter
      .counter({ name: "keelson_image_gc_removed_bytes_total", help: "Bytes of the blobs that were removed." })
      .of();
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
      this.#runs.of(collected.failures.length === 0 ? "done" : "partial").add();
      this.#removed.of("blob").add(collected.blobs);
      this.#removed.of("layer").add(collected.chains);
      this.#removedBytes.add(collected.bytes);
      if (collected.blobs + collected.chains > 0) log.info("removed what no image needs", describe(collected));
      for (const error of collected.failures) log.warn("could not remove a blob or a layer", { error });
    } catch (error) {
      this.#runs.of("failed").add();
      log.warn("could not collect garbage", { error });
    }
  }
}

function describe({ blobs, bytes, chains }: Collected): Readonly<Record<string, number>> {
  return { blobs, bytes, layers: chains };
}
