import { createFaults, type FaultPoint, type Faults, unlessAborted } from "../../src/sim/faults.ts";
import type { Random } from "./random.ts";
import type { Turns } from "./turns.ts";

/** What a simulated machine fails with when the seed says so. */
export class InjectedFault extends Error {
  readonly point: FaultPoint;

  constructor(point: FaultPoint) {
    super(`injected at ${point}`);
    this.name = "InjectedFault";
    this.point = point;
  }
}

export interface RandomFaults extends Faults {
  /** How often a point fails whose name has `where`, and how often any hangs, up to a minute. No more from `calm` on. */
  readonly rates: { fail: number; where: string; hang: number };
  /** The points that have failed so far. */
  readonly failed: ReadonlySet<FaultPoint>;
  /** Whether something has hung so far. */
  readonly hung: boolean;
  /** Lets all go that hang; nothing fails from now on. */
  calm(): void;
}

/** A machine that fails and hangs at random steps. */
export function createRandomFaults(random: Random, turns: Turns, note: (line: string) => void): RandomFaults {
  const faults = createFaults();
  const rates = { fail: 0, where: "", hang: 0 };
  const failed = new Set<FaultPoint>();
  let hung = false;
  const hanging = new Set<() => void>();

  const hang = async (point: FaultPoint, signal: AbortSignal | undefined): Promise<void> => {
    const ms = random.integer(60_000);
    hung = true;
    note(`hangs for ${ms} ms: ${point}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = turns.clock.after(ms, resolve);
    hanging.add(resolve);
    try {
      await (signal === undefined ? promise : unlessAborted(promise, signal));
    } finally {
      timer.cancel();
      hanging.delete(resolve);
    }
  };

  return {
    ...faults,
    rates,
    failed,
    get hung() {
      return hung;
    },
    calm() {
      rates.fail = 0;
      rates.hang = 0;
      for (const resolve of hanging) resolve();
    },
    async reach(point, signal) {
      if (random.chance(rates.hang)) await hang(point, signal);
      await faults.reach(point, signal);
      if (!point.includes(rates.where) || !random.chance(rates.fail)) return;
      note(`fails: ${point}`);
      failed.add(point);
      throw new InjectedFault(point);
    },
  };
}
