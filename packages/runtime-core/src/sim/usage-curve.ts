import type { ScriptUsage } from "./script.ts";

/** What a container uses at some moment of its life. */
export interface UsageNow {
  /** CPU time since the start, in nanoseconds. */
  readonly cpuNs: bigint;
  readonly memoryBytes: number;
  readonly cacheBytes: number;
  readonly writtenBytes: number;
  readonly processes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** A container whose script says nothing of it: one process that waits. */
const idle = {
  cpuMillis: 1,
  memoryBytes: 1024 * 1024,
  cacheBytes: 0,
  writtenBytes: 0,
  processes: 1,
  receivedBytes: 0,
  sentBytes: 0,
} as const;

/**
 * What a script's usage comes to so long after the start. Each entry holds from its time on, for what it names; CPU time
 * adds up over the spans. The same script and time give the same figures.
 */
export function usageAt(usage: readonly ScriptUsage[], ageNs: bigint): UsageNow {
  let now: Required<Omit<ScriptUsage, "atMs">> = idle;
  let cpuNs = 0n;
  let sinceNs = 0n;
  const spend = (untilNs: bigint): void => {
    cpuNs += ((untilNs - sinceNs) * BigInt(now.cpuMillis)) / 1000n;
    sinceNs = untilNs;
  };
  for (const { atMs = 0, ...values } of usage.toSorted((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0))) {
    const atNs = BigInt(atMs) * 1_000_000n;
    if (atNs > ageNs) break;
    spend(atNs);
    now = { ...now, ...values };
  }
  spend(ageNs);
  const { cpuMillis: _rate, ...rest } = now;
  return { cpuNs, ...rest };
}
