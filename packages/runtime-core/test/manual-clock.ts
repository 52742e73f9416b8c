import type { Clock, Timer } from "../src/ports/index.ts";

interface Pending {
  readonly atNs: bigint;
  readonly run: () => void;
}

/** A clock that stands until a test moves it. */
export class ManualClock implements Clock {
  #nowNs = 1_000_000_000_000_000_000n;
  readonly #pending = new Set<Pending>();

  now(): bigint {
    return this.#nowNs++;
  }

  after(delayMs: number, run: () => void): Timer {
    const pending = { atNs: this.#nowNs + BigInt(Math.ceil(delayMs)) * 1_000_000n, run };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#pending.size;
  }

  advance(byMs: number): void {
    const until = this.#nowNs + BigInt(byMs) * 1_000_000n;
    for (;;) {
      const due = [...this.#pending].filter(({ atNs }) => atNs <= until).sort((a, b) => (a.atNs < b.atNs ? -1 : 1))[0];
      if (due === undefined) break;
      this.#pending.delete(due);
      if (due.atNs > this.#nowNs) this.#nowNs = due.atNs;
      due.run();
    }
    if (until > this.#nowNs) this.#nowNs = until;
  }
}
