import { canceled } from "@keelson/cri-api/errors";

/** Whose turn it is, and what ends the wait for it. */
export interface Turn {
  readonly owner: object;
  readonly signal: AbortSignal;
}

interface Waiter<Lane> {
  readonly owner: object;
  give(lane: Lane): void;
}

interface Holder {
  readonly owner: object;
  readonly wanted: AbortController;
  isOverdue: boolean;
}

/**
 * The few lanes, each for one at a time, in the order in which they were asked for. Whoever has held one for longer than
 * `patienceMs` is told as soon as somebody else wants it: a slow registry must not keep every other pull waiting.
 */
export class Lanes<Lane> {
  readonly #free: Lane[];
  readonly #patienceMs: number;
  readonly #waiting = new Set<Waiter<Lane>>();
  readonly #holders = new Set<Holder>();

  constructor(lanes: readonly Lane[], patienceMs: number) {
    this.#free = [...lanes];
    this.#patienceMs = patienceMs;
  }

  /**
   * Calls `use` with a lane of its own; `wanted` fires when another owner waits for it and it is time to let go.
   * @throws CANCELED when the turn's signal fires before there is one; what `use` throws
   */
  async use<T>(turn: Turn, use: (lane: Lane, wanted: AbortSignal) => Promise<T>): Promise<T> {
    const lane = this.#free.shift() ?? (await this.#wait(turn));
    const holder: Holder = { owner: turn.owner, wanted: new AbortController(), isOverdue: false };
    this.#holders.add(holder);
    const overdue = setTimeout(() => {
      holder.isOverdue = true;
      this.#tellOverdue();
    }, this.#patienceMs);
    try {
      return await use(lane, holder.wanted.signal);
    } finally {
      clearTimeout(overdue);
      this.#holders.delete(holder);
      const [next] = this.#waiting;
      if (next === undefined) this.#free.push(lane);
      else this.#giveTo(next, lane);
    }
  }

  async #wait({ owner, signal }: Turn): Promise<Lane> {
    const { promise, resolve, reject } = Promise.withResolvers<Lane>();
    const waiter: Waiter<Lane> = { owner, give: resolve };
    const leave = (): void => {
      if (this.#waiting.delete(waiter)) reject(canceled("pull: it was given up", { cause: signal.reason }));
    };
    this.#waiting.add(waiter);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    this.#tellOverdue();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #giveTo(waiter: Waiter<Lane>, lane: Lane): void {
    this.#waiting.delete(waiter);
    waiter.give(lane);
  }

  #tellOverdue(): void {
    for (const { owner, wanted, isOverdue } of this.#holders) {
      if (isOverdue && [...this.#waiting].some((waiter) => waiter.owner !== owner)) wanted.abort();
    }
  }
}
