import type { Clock, Timer } from "../ports/index.ts";
import { turn } from "./turn.ts";

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Moves the time on, firing every timer on the way at its own time, in order; also those that are set on the way.
   * Between two timers everything that is ready runs.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are pending. */
  readonly pending: number;
  /** Resolved when at least `count` timers are pending: what a test waits for before it moves the time. */
  untilPending(count: number): Promise<void>;
}

interface Pending extends Timer {
  readonly dueNs: bigint;
  readonly run: () => void;
}

export interface ManualClockOptions {
  /** Where the time begins, in nanoseconds since 1970. Default: 2026-01-01T00:00:00Z. */
  readonly startNs?: bigint;
}

/** Makes a clock for tests. */
export function createManualClock(options: ManualClockOptions = {}): ManualClock {
  let nowNs = options.startNs ?? 1_767_225_600_000_000_000n;
  // in the order in which they were set: the sort by time below is stable
  const timers = new Set<Pending>();
  const waiters = new Set<{ readonly count: number; readonly resolve: () => void }>();

  const next = (untilNs: bigint): Pending | undefined =>
    [...timers]
      .filter((one) => one.dueNs <= untilNs)
      .sort((a, b) => (a.dueNs < b.dueNs ? -1 : a.dueNs > b.dueNs ? 1 : 0))[0];

  return {
    now: () => nowNs,
    after(delayMs, run) {
      const pending: Pending = {
        dueNs: nowNs + nanoseconds(Math.max(delayMs, 0)),
        run,
        cancel() {
          timers.delete(pending);
        },
      };
      timers.add(pending);
      for (const waiter of waiters) {
        if (timers.size < waiter.count) continue;
        waiters.delete(waiter);
        waiter.resolve();
      }
      return pending;
    },
    async advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`advance the clock by ${ms} ms: time does not go backwards`);
      const untilNs = nowNs + nanoseconds(ms);
      await turn();
      for (let timer = next(untilNs); timer !== undefined; timer = next(untilNs)) {
        timers.delete(timer);
        if (timer.dueNs > nowNs) nowNs = timer.dueNs;
        timer.run();
        await turn();
      }
      nowNs = untilNs;
    },
    get pending() {
      return timers.size;
    },
    untilPending(count) {
      if (timers.size >= count) return Promise.resolve();
      return new Promise((resolve) => waiters.add({ count, resolve }));
    },
  };
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000_000));
}
