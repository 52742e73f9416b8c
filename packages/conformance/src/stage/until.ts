import { setTimeout as delay } from "node:timers/promises";
import { fail } from "../assert/expect.ts";

export interface UntilOptions {
  /** Default 15,000. */
  readonly withinMs?: number;
  /** Whatever `withinMs` is, not longer. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Asks until `holds` answers with something else than false and undefined, and returns it: CRI has no call that waits for
 * a state. @throws ExpectationError when it does not hold in time
 */
export async function until<T>(
  what: string,
  holds: () => Promise<T | false | undefined> | T | false | undefined,
  options: UntilOptions = {},
): Promise<T> {
  const { signal, waitMs = Number.POSITIVE_INFINITY } = options;
  const withinMs = Math.min(options.withinMs ?? 15_000, waitMs);
  const deadline = performance.now() + withinMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    const found = await holds();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > deadline) fail(`${what}: not within ${withinMs} ms`);
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}
