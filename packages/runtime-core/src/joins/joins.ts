import { unavailable } from "@keelson/cri-api/errors";
import type { Log } from "../log.ts";
import type { Clock, Task, Timer } from "../ports/index.ts";
import { Stage } from "../stage.ts";
import type { OperationWatch } from "../telemetry/operations.ts";
import { startWork, type Waiter, type Work, waitFor } from "./work.ts";

export interface JoinsOptions {
  /** "sandbox" or "container", for messages. */
  readonly kind: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** ALREADY_EXISTS for the visible object of an identity; undefined when there is none. */
  readonly taken: (identity: string) => Error | undefined;
  /** Gives a hidden object back with its record. When it throws, the record stays and is visible from then on. */
  readonly revert: (id: string) => Promise<void>;
  /** Called when what is recorded under an ID has become visible. Must not throw. */
  readonly onShow?: (id: string) => void;
  /** Hears of each create, and of each request that shares one. */
  readonly operations?: { begin(): OperationWatch; joined(): void };
  /** How long a finished object waits for a caller. Default two minutes. */
  readonly unclaimedMs?: number;
}

export interface Wanted {
  readonly identity: string;
  readonly fingerprint: string;
  /** What the object belongs to, for {@link Joins.discard}. */
  readonly group: string;
  /**
   * Makes the object under this ID. When it throws, either nothing is left of it, record included, or the record says
   * that its create failed.
   */
  readonly create: (id: string, task: Task) => Promise<void>;
}

interface Slot {
  readonly id: string;
  readonly wanted: Wanted;
  readonly waiters: Set<Waiter>;
  readonly stage: Stage;
  /** Ends when the slot leaves this state; rejects only with what `create` threw. */
  state:
    | { readonly name: "creating"; readonly work: Work<void>; readonly ended: Promise<void> }
    | { readonly name: "hidden"; readonly timer: Timer }
    | { readonly name: "reverting"; readonly ended: Promise<void> };
}

/**
 * Who creates what, by identity: the cure of the retry storm.
 *
 * Life of a slot: *creating* from the first request on, whoever of its callers stays. A request of the same identity
 * and configuration joins; one with another configuration waits for the end and looks again. At the end, with a caller
 * left, the slot goes and the object is visible. With none it is *hidden*: the next request with the same configuration
 * claims it under its ID; one with another configuration, or nobody for `unclaimedMs`, has it *reverted*. While an
 * object has a slot no list and no status shows it ({@link Joins.hides}). Slots are never recorded: after a restart a
 * finished object is visible.
 */
export class Joins {
  readonly #options: JoinsOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #ids = new Set<string>();
  #closing = false;

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  /**
   * @returns the ID of the object, visible from now on
   * @throws what `create` threw; ALREADY_EXISTS; the reason of the waiter's signal
   */
  async run(wanted: Wanted, waiter: Waiter): Promise<string> {
    for (;;) {
      waiter.signal.throwIfAborted();
      const begun = this.#slots.get(wanted.identity);
      const slot = begun ?? this.#begin(wanted);
      const same = slot.wanted.fingerprint === wanted.fingerprint;
      if (slot.state.name === "hidden") {
        slot.state.timer.cancel();
        if (same) {
          this.#options.operations?.joined();
          this.#show(slot);
          return slot.id;
        }
        this.#revert(slot, "another configuration was asked for");
      } else if (slot.state.name === "creating" && same) {
        if (begun !== undefined) this.#options.operations?.joined();
        return await this.#join(slot, slot.state.ended, waiter);
      } else {
        const stage = new Stage(
          slot.state.name === "creating"
            ? `waiting for an earlier create of this ${this.#options.kind} with another configuration`
            : `waiting until an unclaimed ${this.#options.kind} of this identity is removed`,
        );
        await waitFor({ promise: slot.state.ended.catch(() => {}), stage }, waiter);
      }
    }
  }

  /** True for an object that is in flight, unclaimed or being reverted: it does not exist for anybody. */
  hides(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Ends every create of a group and reverts what nobody has claimed; returns when none is left. */
  async discard(group: string, reason: Error): Promise<void> {
    const slots = [...this.#slots.values()].filter((slot) => slot.wanted.group === group);
    await Promise.all(
      slots.map(async (slot) => {
        if (slot.state.name === "creating") {
          slot.state.work.abort(reason);
          await slot.state.ended.catch(() => {});
        }
        if (slot.state.name === "hidden") {
          slot.state.timer.cancel();
          this.#revert(slot, reason.message);
        }
        if (slot.state.name === "reverting") await slot.state.ended;
      }),
    );
  }

  /** How many objects have a slot. */
  get size(): number {
    return this.#slots.size;
  }

  /** Takes no more, aborts what is being made and waits for its end. What is hidden stays: a restart shows it. */
  async close(reason: Error): Promise<void> {
    this.#closing = true;
    const slots = [...this.#slots.values()];
    for (const { state } of slots) {
      if (state.name === "creating") state.work.abort(reason);
      if (state.name === "hidden") state.timer.cancel();
    }
    await Promise.allSettled(slots.map(({ state }) => (state.name === "hidden" ? undefined : state.ended)));
  }

  #begin(wanted: Wanted): Slot {
    if (this.#closing) throw unavailable("the runtime is stopping", { hint: "call again when it runs" });
    const taken = this.#options.taken(wanted.identity);
    if (taken !== undefined) throw taken;
    const id = this.#options.newId();
    this.#ids.add(id);
    const { kind, operations } = this.#options;
    const start = { what: `beginning to create ${kind}`, of: id, watch: operations?.begin() };
    const work = startWork(start, (task) => wanted.create(id, task));
    const ended = work.promise.then(
      () => this.#finish(slot),
      (error: unknown) => this.#fail(slot, error),
    );
    ended.catch(() => {});
    const slot: Slot = {
      id,
      wanted,
      waiters: new Set(),
      stage: work.stage,
      state: { name: "creating", work, ended },
    };
    this.#slots.set(wanted.identity, slot);
    return slot;
  }

  async #join(slot: Slot, ended: Promise<void>, waiter: Waiter): Promise<string> {
    slot.waiters.add(waiter);
    try {
      await waitFor({ promise: ended, stage: slot.stage }, waiter);
      return slot.id;
    } finally {
      slot.waiters.delete(waiter);
    }
  }

  #finish(slot: Slot): void {
    if ([...slot.waiters].some((waiter) => !waiter.signal.aborted)) {
      this.#show(slot);
      return;
    }
    const { clock, log, kind, unclaimedMs = 120_000 } = this.#options;
    log.info(`${kind} finished after its caller had gone; hidden until it is claimed`, { id: slot.id });
    const timer = clock.after(unclaimedMs, () => this.#revert(slot, "nobody claimed it"));
    slot.state = { name: "hidden", timer };
    if (this.#closing) timer.cancel();
  }

  #fail(slot: Slot, error: unknown): never {
    this.#show(slot);
    if (slot.waiters.size === 0) {
      this.#options.log.warn(`${this.#options.kind} failed after its caller had gone`, { id: slot.id, error });
    }
    throw error;
  }

  #revert(slot: Slot, why: string): void {
    const { log, kind, revert } = this.#options;
    log.info(`reverting an unclaimed ${kind}`, { id: slot.id, why });
    const ended = revert(slot.id)
      .catch((error: unknown) =>
        log.error(`unclaimed ${kind} could not be reverted; it is visible`, { id: slot.id, error }),
      )
      .then(() => this.#show(slot));
    slot.state = { name: "reverting", ended };
  }

  /** Ends the slot: what is recorded under its ID is visible from now on. */
  #show(slot: Slot): void {
    this.#slots.delete(slot.wanted.identity);
    this.#ids.delete(slot.id);
    this.#options.onShow?.(slot.id);
  }
}
