import { createHash } from "node:crypto";
import type { Clock, Timer } from "../../src/ports/index.ts";
import type { Random } from "./random.ts";

/** The clock of one life of the core: with its end, its timers are gone. */
export interface LifeClock extends Clock {
  readonly pending: number;
  end(): void;
}

/**
 * Who goes next. All that waits for its turn (`setTimeout` of 0 ms, which is how the simulated machine takes its time)
 * goes in an order that the seed decides, one at a time, and time moves only with it: so a run has one interleaving of
 * all those that could be, and the same seed has the same.
 */
export interface Turns {
  /** The machine's clock. It survives the core, as the machine's processes do. */
  readonly clock: Clock;
  /** How many wait for their turn. */
  readonly ready: number;
  lifeClock(): LifeClock;
  /** Somebody sets the machine's clock. */
  shift(ms: number): void;
  /** Time passes with the next step, and nobody has done anything. */
  pass(ms: number): void;
  /** Milliseconds since the beginning, whatever the clock was set to. */
  elapsedMs(): number;
  /** Of these, those in which nobody was kept from anything. */
  activeMs(): number;
  /** All that follows at once from what was done. */
  settle(): Promise<void>;
  /** Lets one go, and all that follows from it at once. When nobody is ready, the next timer. */
  step(): Promise<void>;
  /** Lets go who is ready and whoever becomes it, whatever the time. */
  drain(): Promise<void>;
  /** Takes the place of the global timers, until the returned function is called. */
  install(): () => void;
}

interface Pending {
  readonly dueNs: bigint;
  readonly run: () => void;
}

const startNs = 1_767_225_600_000_000_000n;

export function createTurns(random: Random): Turns {
  const later = setImmediate;
  const ready: (() => void)[] = [];
  const timers = new Set<Pending>();
  let nowNs = 0n;
  let shiftNs = 0n;
  let passedMs = 0;

  const after = (delayMs: number, run: () => void): Timer => {
    const pending = { dueNs: nowNs + BigInt(Math.round(Math.max(delayMs, 0) * 1_000_000)), run };
    timers.add(pending);
    return { cancel: () => void timers.delete(pending) };
  };
  const clock: Clock = { now: () => startNs + nowNs + shiftNs, after };

  const firstTimer = (): Pending | undefined => {
    let first: Pending | undefined;
    for (const one of timers) if (first === undefined || one.dueNs < first.dueNs) first = one;
    return first;
  };

  const settle = (): Promise<void> => new Promise((resolve) => later(resolve));

  return {
    clock,
    settle,
    get ready() {
      return ready.length;
    },
    lifeClock() {
      const own = new Set<Timer>();
      let ended = false;
      return {
        now: clock.now,
        after(delayMs, run) {
          if (ended) return { cancel: () => {} };
          const timer = after(delayMs, () => {
            own.delete(timer);
            run();
          });
          own.add(timer);
          return {
            cancel() {
              own.delete(timer);
              timer.cancel();
            },
          };
        },
        get pending() {
          return own.size;
        },
        end() {
          ended = true;
          for (const timer of own) timer.cancel();
          own.clear();
        },
      };
    },
    shift: (ms) => {
      shiftNs += BigInt(ms) * 1_000_000n;
    },
    pass: (ms) => {
      passedMs += ms;
      nowNs += BigInt(ms) * 1_000_000n;
    },
    elapsedMs: () => Number(nowNs / 1_000_000n),
    activeMs: () => Number(nowNs / 1_000_000n) - passedMs,
    async step() {
      const timer = ready.length === 0 || random.chance(0.05) ? firstTimer() : undefined;
      // whoever is ready is not late by seconds
      if (timer !== undefined && (ready.length === 0 || timer.dueNs - nowNs < 1_000_000_000n)) {
        timers.delete(timer);
        if (timer.dueNs > nowNs) nowNs = timer.dueNs;
        timer.run();
      } else {
        // as often the oldest: nobody is passed over for long
        const [next] = ready.splice(random.chance(0.4) ? 0 : random.integer(ready.length), 1);
        nowNs += BigInt(random.integer(2_000_000));
        next?.();
      }
      await settle();
    },
    async drain() {
      do {
        ready.shift()?.();
        await settle();
      } while (ready.length > 0);
    },
    install() {
      const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
      const set = (run: () => void, delayMs = 0) => {
        if (delayMs > 0) return { ...after(delayMs, run), ref: () => {}, unref: () => {} };
        ready.push(run);
        return {
          cancel: () => {
            const at = ready.indexOf(run);
            if (at >= 0) ready.splice(at, 1);
          },
        };
      };
      const digest = async (_name: string, data: ArrayBuffer | Uint8Array): Promise<ArrayBuffer> => {
        return new Uint8Array(createHash("sha256").update(new Uint8Array(data)).digest()).buffer;
      };
      const { now } = Date;
      Object.assign(globalThis, { setTimeout: set, clearTimeout: (timer?: Timer) => timer?.cancel() });
      // by it a caller says how much of its time is left
      Date.now = () => Number((startNs + nowNs) / 1_000_000n);
      // a digest by a thread would come at a time of its own
      Object.defineProperty(crypto.subtle, "digest", { value: digest, configurable: true });
      return () => {
        Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
        Date.now = now;
        Reflect.deleteProperty(crypto.subtle, "digest");
      };
    },
  };
}
