import { internal, notFound } from "@keelson/cri-api/errors";
import { KeyedLock } from "@keelson/lifecycle";
import type { Journal, StateStore, StepRecord } from "../ports/index.ts";
import { NewerRecord, type RecordCodec } from "./record-codec.ts";

interface Recorded {
  readonly id: string;
  readonly steps: readonly StepRecord[];
}

export interface RecordsOptions<R> {
  /** The kind's name in messages and the first part of its keys. */
  readonly kind: "sandbox" | "container";
  readonly store: StateStore;
  readonly codec: RecordCodec<R>;
  /** What a caller's retry names the object by. */
  readonly identity: (record: R) => string;
  /** Called when memory shows a change: the record is as `get` gives it, or gone. Must not throw. */
  readonly onChange?: (id: string) => void;
}

/**
 * All records of one kind: in memory to read, in the store to survive.
 *
 * A change is `old => new` under the object's lock; it is committed before memory shows it, so that nobody acts on what
 * a crash would undo. Records are immutable: whoever holds one holds a state that was true.
 */
export class Records<R extends Recorded> {
  readonly kind: string;
  readonly #store: StateStore;
  readonly #codec: RecordCodec<R>;
  readonly #identity: (record: R) => string;
  readonly #onChange: (id: string) => void;
  readonly #byId = new Map<string, R>();
  readonly #byIdentity = new Map<string, string>();
  readonly #lock = new KeyedLock();
  readonly #waiters = new Map<string, Set<() => void>>();

  constructor(options: RecordsOptions<R>) {
    this.kind = options.kind;
    this.#store = options.store;
    this.#codec = options.codec;
    this.#identity = options.identity;
    this.#onChange = options.onChange ?? (() => {});
  }

  /**
   * Takes a record from the last life into memory.
   * @returns undefined, or why the bytes are no record of this kind
   * @throws {@link NewerRecord}
   */
  load(key: string, bytes: Uint8Array): Error | undefined {
    try {
      const record = this.#codec.decode(bytes);
      if (this.#key(record.id) !== key) return new Error(`record holds the ID of ${this.#key(record.id)}`);
      this.#show(record);
      return undefined;
    } catch (error) {
      if (error instanceof NewerRecord) throw error;
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): R | undefined {
    return this.#byId.get(id);
  }

  byIdentity(identity: string): R | undefined {
    const id = this.#byIdentity.get(identity);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** Oldest first. */
  all(): readonly R[] {
    return [...this.#byId.values()];
  }

  async add(record: R): Promise<R> {
    return this.#lock.run(record.id, async () => {
      if (this.#byId.has(record.id)) throw internal(`add ${this.kind} ${record.id}: there is one`);
      await this.#store.put(this.#key(record.id), this.#codec.encode(record));
      this.#show(record);
      this.#onChange(record.id);
      return record;
    });
  }

  /**
   * Changes a record. `change` may return what it was given: then nothing is written.
   * @throws NOT_FOUND when it is gone
   */
  async update(id: string, change: (old: R) => R): Promise<R> {
    return this.#lock.run(id, async () => {
      const old = this.#byId.get(id);
      if (old === undefined) throw notFound(`update ${this.kind} ${id}: it is gone`);
      const changed = change(old);
      if (changed === old) return old;
      await this.#store.put(this.#key(id), this.#codec.encode(changed));
      this.#show(changed);
      this.#onChange(id);
      this.#wake(id);
      return changed;
    });
  }

  /** Succeeds when there is no such record. */
  async delete(id: string): Promise<void> {
    await this.#lock.run(id, async () => {
      const old = this.#byId.get(id);
      if (old === undefined) return;
      await this.#store.delete(this.#key(id));
      this.#byId.delete(id);
      const identity = this.#identity(old);
      if (this.#byIdentity.get(identity) === id) this.#byIdentity.delete(identity);
      this.#onChange(id);
      this.#wake(id);
    });
  }

  /** Waits until the record is as wanted, or gone (undefined). */
  async until(id: string, wanted: (record: R) => boolean): Promise<R | undefined> {
    for (;;) {
      const record = this.#byId.get(id);
      if (record === undefined || wanted(record)) return record;
      await new Promise<void>((wake) => {
        const waiters = this.#waiters.get(id) ?? new Set();
        this.#waiters.set(id, waiters.add(wake));
      });
    }
  }

  /** The record as an engine writes its steps into it. */
  journal(id: string): Journal {
    const change = async (edit: (steps: readonly StepRecord[]) => readonly StepRecord[]) => {
      await this.update(id, (old) => ({ ...old, steps: edit(old.steps) }));
    };
    const records = this.#byId;
    return {
      get steps() {
        return records.get(id)?.steps ?? [];
      },
      plan: (name, plan) => change((steps) => [...steps.filter((one) => one.name !== name), { name, plan }]),
      facts: (name, facts) =>
        change((steps) => {
          if (steps.every((one) => one.name !== name)) throw internal(`record facts of step ${name}: it has no plan`);
          return steps.map((one) => (one.name === name ? { ...one, facts } : one));
        }),
      forget: (name) => change((steps) => steps.filter((one) => one.name !== name)),
      flush: () => this.#store.flush(),
    };
  }

  #key(id: string): string {
    return `${this.kind}/${id}`;
  }

  #show(record: R): void {
    this.#byId.set(record.id, record);
    this.#byIdentity.set(this.#identity(record), record.id);
  }

  #wake(id: string): void {
    const waiters = this.#waiters.get(id);
    this.#waiters.delete(id);
    for (const wake of waiters ?? []) wake();
  }
}
