import { turn } from "./turn.ts";

/**
 * Where a test can step in. Of a step: `apply` before its effect, `applied` after it and before its facts are known (so
 * that it was "perhaps applied"), `revert` before its way back. Of the store: before a commit, before a flush.
 */
export type FaultPoint = `${string}.apply` | `${string}.applied` | `${string}.revert` | StorePoint | CallPoint;
export type StorePoint = "store.commit" | "store.flush";
export type CallPoint =
  | "image.pull"
  | "container.signal"
  | "container.exec"
  | "container.reopen-log"
  | "container.update-resources"
  | "stats.container";

export interface FailOptions {
  /** How often it fails before it works again. Default 1. */
  readonly times?: number;
}

/** A point at which everybody stops until the test lets them go. */
export interface Hold {
  /** How many wait here now. */
  readonly waiting: number;
  /** Resolved when at least `count` have arrived in all. */
  arrived(count: number): Promise<void>;
  /** Lets all of them go, and all who come later. */
  release(): void;
  /** Fails all of them; who comes later goes through. */
  fail(error: Error): void;
}

/** Faults of a simulated machine, as data: what fails or waits, by the name of the point. */
export interface Faults {
  fail(point: FaultPoint, error: Error, options?: FailOptions): void;
  hold(point: FaultPoint): Hold;
  /** Throws or waits as was asked; what the simulated machine calls at each point. `signal` ends the waiting. */
  reach(point: FaultPoint, signal?: AbortSignal): Promise<void>;
}

export function createFaults(): Faults {
  const failures = new Map<FaultPoint, { readonly error: Error; times: number }>();
  const holds = new Map<FaultPoint, { wait(signal: AbortSignal | undefined): Promise<void> }>();
  return {
    fail(point, error, { times = 1 } = {}) {
      failures.set(point, { error, times });
    },
    hold(point) {
      let waiting = 0;
      let arrivals = 0;
      const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
      // nobody may be waiting when it fails
      opened.catch(() => undefined);
      const watchers = new Set<{ readonly count: number; readonly resolve: () => void }>();
      const end = (): void => {
        holds.delete(point);
      };
      holds.set(point, {
        async wait(signal) {
          waiting++;
          arrivals++;
          for (const watcher of watchers) if (arrivals >= watcher.count) watcher.resolve();
          try {
            await (signal === undefined ? opened : unlessAborted(opened, signal));
          } finally {
            waiting--;
          }
        },
      });
      return {
        get waiting() {
          return waiting;
        },
        arrived(count) {
          if (arrivals >= count) return Promise.resolve();
          return new Promise((done) => watchers.add({ count, resolve: done }));
        },
        release() {
          end();
          resolve();
        },
        fail(error) {
          end();
          reject(error);
        },
      };
    },
    async reach(point, signal) {
      await turn();
      await holds.get(point)?.wait(signal);
      const failure = failures.get(point);
      if (failure === undefined) return;
      failure.times--;
      if (failure.times <= 0) failures.delete(point);
      throw failure.error;
    },
  };
}

/** Settles as `work` does, or rejects with the signal's reason when that fires first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
