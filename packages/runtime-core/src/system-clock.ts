import type { Clock } from "./ports/index.ts";

// setTimeout takes a signed 32-bit number and fires at once for more
const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. A wall clock that is set back makes it creep by a nanosecond a call until it has caught up. */
export function createSystemClock(): Clock {
  let last = 0n;
  return {
    now() {
      const wall = BigInt(Date.now()) * 1_000_000n;
      last = wall > last ? wall : last + 1n;
      return last;
    },
    after(delayMs, run) {
      const timer: unknown = setTimeout(run, Math.min(Math.max(delayMs, 0), longestTimerMs));
      if (canUnref(timer)) timer.unref();
      return { cancel: () => clearTimeout(timer as number) };
    },
  };
}

function canUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function";
}
