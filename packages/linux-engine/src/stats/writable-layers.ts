import { setTimeout as delay } from "node:timers/promises";
import type { ContainerFigures } from "@keelson/runtime-core/ports";
import type { ContainerSnapshots } from "../container/container-tools.ts";
import type { EngineLog } from "../log.ts";

type Usage = NonNullable<ContainerFigures["writableLayer"]>;

export interface WritableLayersOptions {
  readonly snapshots: Pick<ContainerSnapshots, "usage" | "root">;
  readonly log: EngineLog;
  /** How old a value is at least before its layer is measured again. Default 10,000 ms. */
  readonly freshMs?: number;
  /** How long an asker waits for a layer that was never measured. Default 500 ms. */
  readonly firstWaitMs?: number;
  /** Milliseconds that pass evenly; for tests. Default performance.now(). */
  readonly now?: () => number;
}

interface Known {
  /** Undefined when it could not be measured. */
  readonly usage: Usage | undefined;
  /** From then on it is measured again. */
  readonly dueMs: number;
}

/** As many at once as their measuring does not take long. */
const groupSize = 16;
/** Measuring takes at most this part of the time. */
const share = 20;

/**
 * What the writable layers of containers take on the disk. Walking a layer takes seconds where it is large, so an asker
 * gets what is known, and what is old is measured anew behind its back; only who asks for a layer that was never
 * measured waits a little. Layers that nobody asks for are not measured.
 */
export class WritableLayers {
  readonly #options: WritableLayersOptions;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #queue = new Set<string>();
  readonly #closing = new AbortController();
  #measuring: Promise<void> | undefined;

  constructor(options: WritableLayersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** What is known of each; a layer that is not in it could not be measured (yet). */
  async usage(keys: readonly string[]): Promise<ReadonlyMap<string, Usage>> {
    const now = this.#now();
    for (const key of keys) if ((this.#known.get(key)?.dueMs ?? now) <= now) this.#queue.add(key);
    if (this.#queue.size > 0) this.#measuring ??= this.#measure();
    if (keys.some((key) => !this.#known.has(key))) await this.#atMost(this.#options.firstWaitMs ?? 500);
    return new Map(
      keys.flatMap((key): [string, Usage][] => {
        const usage = this.#known.get(key)?.usage;
        return usage === undefined ? [] : [[key, usage]];
      }),
    );
  }

  /** The container is gone. */
  forget(key: string): void {
    this.#known.delete(key);
    this.#queue.delete(key);
  }

  /** Ends what is being measured. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#queue.clear();
    await this.#measuring;
  }

  async #atMost(waitMs: number): Promise<void> {
    const ended = new AbortController();
    const late = delay(waitMs, undefined, { signal: ended.signal, ref: false }).catch(() => {});
    await Promise.race([this.#measuring, late]);
    ended.abort();
  }

  /** Never rejects. */
  async #measure(): Promise<void> {
    while (this.#queue.size > 0 && !this.#closing.signal.aborted) {
      const group = [...this.#queue].slice(0, groupSize);
      for (const key of group) this.#queue.delete(key);
      await this.#measureGroup(group);
    }
    this.#measuring = undefined;
  }

  async #measureGroup(group: readonly string[]): Promise<void> {
    const { snapshots, log, freshMs = 10_000 } = this.#options;
    const began = this.#now();
    const timestamp = BigInt(Date.now()) * 1_000_000n;
    let found: Awaited<ReturnType<ContainerSnapshots["usage"]>> | undefined;
    try {
      found = await snapshots.usage(group, this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      log.warn("writable layers could not be measured", { containers: group.length, error });
    }
    const ended = this.#now();
    const dueMs = ended + Math.max(freshMs, (ended - began) * share);
    for (const key of group) {
      const usage = found?.get(key);
      const last = this.#known.get(key)?.usage;
      if (usage === undefined && found !== undefined)
        this.#known.delete(key); // it is gone
      else if (usage === undefined) this.#known.set(key, { usage: last, dueMs });
      else {
        const value: Usage = {
          timestamp,
          fsId: { mountpoint: snapshots.root },
          usedBytes: { value: BigInt(usage.bytes) },
          inodesUsed: { value: BigInt(usage.inodes) },
        };
        this.#known.set(key, { usage: value, dueMs });
      }
    }
  }
}
