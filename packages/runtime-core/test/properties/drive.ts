import { Callers } from "./callers.ts";
import { end } from "./end.ts";
import type { LifeEnd } from "./machine.ts";
import type { Moves } from "./moves.ts";
import type { Random } from "./random.ts";
import type { RandomFaults } from "./random-faults.ts";
import { Run } from "./run.ts";
import { Violation } from "./violation.ts";

export interface Outcome {
  readonly seed: number;
  readonly moves: Moves;
  readonly steps: number;
  readonly trace: readonly string[];
  /** What must not happen, and did. */
  readonly failure: unknown;
}

/** What a run is like: most have one trouble or two, so that what follows from each can be seen. */
interface Mood {
  readonly faults: RandomFaults["rates"];
  /** How often a life ends, each action. */
  readonly restart: number;
  readonly ends: Readonly<Record<LifeEnd, number>>;
  /** How many actions there are for each step. */
  readonly haste: number;
}

function moodOf(random: Random): Mood {
  return {
    faults: {
      ...random.pick<{ where: string; fail: number }>([
        { where: "", fail: 0 },
        { where: "", fail: 0.03 },
        { where: "store", fail: 0.1 },
        { where: "revert", fail: 0.3 },
        { where: ".appl", fail: 0.15 },
      ]),
      hang: random.pick([0, 0, 0.01, 0.05]),
    },
    restart: random.pick([0, 0.01, 0.03, 0.08]),
    ends: random.pick<Mood["ends"]>([
      { kill: 1, power: 0, stop: 0, reboot: 0 },
      { kill: 0, power: 1, stop: 0, reboot: 0 },
      { kill: 0, power: 0, stop: 1, reboot: 0 },
      { kill: 2, power: 2, stop: 2, reboot: 1 },
    ]),
    haste: random.pick([0.05, 0.15, 0.4]),
  };
}

/** One run, from its seed alone: random calls while the machine fails, then a calm in which all has to come right. */
export async function drive(seed: number, actions: number): Promise<Outcome> {
  const run = new Run(seed);
  const { turns } = run;
  const uninstall = turns.install();
  let failure: unknown;
  try {
    await act(run, actions);
    await end(run);
  } catch (error) {
    failure = error;
  }
  // what still goes on must not reach the next run
  run.machine.life.clock.end();
  await turns.drain();
  uninstall();
  return { seed, moves: run.moves, steps: run.watcher.step, trace: run.trace, failure };
}

const startsNow = ({ machine }: Run): boolean =>
  machine.life.core.containers.all().some(({ steps, started, exit }) => {
    const begun = steps.some(({ name }) => name === "start-process");
    return begun && started === undefined && exit === undefined;
  });

async function act(run: Run, actions: number): Promise<void> {
  const { random, faults, turns } = run;
  const mood = moodOf(random);
  const callers = new Callers(run);
  for (let steps = 0; !run.serves; steps++) {
    if (steps > 1000) throw new Violation("every call settles", "the core does not start");
    await run.step();
  }
  if (random.chance(0.6)) await callers.furnish();
  Object.assign(faults.rates, mood.faults);
  run.restless = mood.restart / 2;
  for (let done = 0; done < actions; ) {
    await run.settleStart();
    // it is but a few steps from a start's plan to its record
    if (mood.restart > 0 && startsNow(run) && random.chance(0.12)) await run.end("kill");
    if (!run.serves) continue;
    const idle = turns.ready === 0;
    if (random.chance(idle ? 0.7 : mood.haste)) {
      done++;
      // a life that ends in the middle of a start or a create shows more
      const asked = run.pending.map(({ request }) => request.rpc);
      const times = asked.includes("StartContainer") ? 12 : asked.some((rpc) => /^(Create|Run)/.test(rpc)) ? 3 : 1;
      if (random.chance(times * mood.restart)) await run.end(random.weighted(mood.ends));
      else callers.act();
      await turns.settle();
    } else {
      await run.step();
    }
  }
}
