import { describe, expect, it } from "vitest";
import { drive } from "./properties/drive.ts";
import { Moves } from "./properties/moves.ts";
import { reportFailure } from "./properties/report-failure.ts";

/** How many things happen in a run before all has to come right. */
const actions = 100;
/** Runs of `npm test`: so many, and more only until each legal move has occurred. */
const [leastRuns, mostRuns] = [24, 240];
const longMs = 180_000;
const timeout = 600_000;

// KEELSON_SEED=N replays one run
const replayed = process.env.KEELSON_SEED === undefined ? undefined : Number(process.env.KEELSON_SEED);

async function run(seed: number, moves: Moves): Promise<void> {
  const outcome = await drive(seed, actions);
  if (outcome.failure !== undefined) throw await reportFailure(outcome, actions);
  moves.add(outcome.moves);
}

describe.runIf(replayed === undefined)("random calls, faults and restarts on the simulated engine", () => {
  it("keep every property, with fixed seeds, and make each legal move", { timeout }, async () => {
    const moves = new Moves();
    let seed = 0;
    while (seed < leastRuns || (moves.missing.length > 0 && seed < mostRuns)) await run(++seed, moves);
    console.log(`seeds 1 to ${seed}; how often each legal move was made:\n${moves.table}`);
    expect(moves.missing, "legal moves that were not made").toEqual([]);
  });

  it.runIf(process.env.KEELSON_LONG !== undefined)("keep every property, with fresh seeds", { timeout }, async () => {
    const moves = new Moves();
    const first = 1 + Math.floor(Math.random() * 2 ** 31);
    const endMs = performance.now() + longMs;
    let seed = first;
    for (; performance.now() < endMs; seed++) await run(seed, moves);
    console.log(`seeds ${first} to ${seed - 1}; how often each legal move was made:\n${moves.table}`);
  });
});

describe.runIf(replayed !== undefined)(`the run of seed ${replayed}`, () => {
  it("keeps every property", { timeout }, async () => {
    await run(replayed ?? 0, new Moves());
  });
});
