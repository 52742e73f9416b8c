import type { StateStore } from "../ports/index.ts";
import { createFaults, type Faults } from "./faults.ts";

/**
 * Records in memory, with a real store's ways: a write is committed some turns after its call, several at once; writes
 * of one key take effect in call order; what is committed is durable only after a flush.
 */
export interface MemoryStore extends StateStore {
  /** The process was killed: this store refuses everything, the new one holds what was committed. */
  crash(): MemoryStore;
  /** The machine lost power: as `crash`, but the new one holds only what was flushed. */
  losePower(): MemoryStore;
  /** How many commits there were, for tests that count them. */
  readonly commits: number;
}

export interface MemoryStoreOptions {
  /** Points "store.commit" and "store.flush". */
  readonly faults?: Faults;
}

type Values = ReadonlyMap<string, Uint8Array>;

interface Write {
  readonly key: string;
  /** Undefined: the key goes. */
  readonly value: Uint8Array | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return openMemoryStore(new Map(), options.faults ?? createFaults());
}

function openMemoryStore(found: Values, faults: Faults): MemoryStore {
  const committed = new Map(found);
  let durable: Values = new Map(found);
  let durableCommits = 0;
  let queue: Write[] = [];
  let committing: Promise<void> | undefined;
  let commits = 0;
  let gone: string | undefined;

  const assertOpen = (what: string): void => {
    if (gone !== undefined) throw new Error(`${what}: the store ${gone}`);
  };

  async function commitAll(): Promise<void> {
    while (queue.length > 0) {
      const failure = await faults.reach("store.commit").then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      const batch = queue;
      queue = [];
      if (gone !== undefined) {
        for (const write of batch) write.reject(new Error(`commit ${write.key}: the store ${gone}`));
        continue;
      }
      // all or nothing, as a transaction
      if (failure === undefined) {
        commits++;
        for (const { key, value } of batch) {
          if (value === undefined) committed.delete(key);
          else committed.set(key, value);
        }
      }
      for (const write of batch) {
        if (failure === undefined) write.resolve();
        else write.reject(failure.error);
      }
    }
    committing = undefined;
  }

  async function write(key: string, value: Uint8Array | undefined): Promise<void> {
    assertOpen(`write ${key}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // a copy: the caller may use its buffer again
    queue.push({ key, value: value === undefined ? undefined : new Uint8Array(value), resolve, reject });
    committing ??= commitAll();
    await promise;
  }

  const end = (how: string, values: Values): MemoryStore => {
    assertOpen("end the store");
    gone = how;
    return openMemoryStore(values, faults);
  };

  return {
    async load() {
      assertOpen("load");
      return new Map([...committed].map(([key, value]) => [key, new Uint8Array(value)]));
    },
    put: (key, value) => write(key, value),
    delete: (key) => write(key, undefined),
    async flush() {
      assertOpen("flush");
      await committing;
      const state = new Map(committed);
      const at = commits;
      await faults.reach("store.flush");
      assertOpen("flush");
      // a later one may have been quicker
      if (at < durableCommits) return;
      durable = state;
      durableCommits = at;
    },
    async close() {
      await committing;
      gone ??= "is closed";
    },
    crash: () => end("was killed", committed),
    losePower: () => end("lost power", durable),
    get commits() {
      return commits;
    },
  };
}
