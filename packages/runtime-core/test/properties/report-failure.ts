import { drive, type Outcome } from "./drive.ts";

const shownLines = 80;

/** Looks for the shortest run of the seed that still fails, and says what happened in it. */
export async function reportFailure(outcome: Outcome, actions: number): Promise<Error> {
  const { seed } = outcome;
  let shortest = outcome;
  let [low, high] = [0, actions];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const shorter = await drive(seed, middle);
    if (shorter.failure === undefined) {
      low = middle;
      continue;
    }
    shortest = shorter;
    high = middle;
  }
  const cause = shortest.failure;
  const lines = shortest.trace.slice(-shownLines).join("\n");
  const what = cause instanceof Error ? cause.message : String(cause);
  const message = `seed ${seed} (KEELSON_SEED=${seed}; fails with ${high} of ${actions} actions): ${what}`;
  return new Error(`${message}\nthe last of what happened, in ms since its beginning:\n${lines}`, { cause });
}
