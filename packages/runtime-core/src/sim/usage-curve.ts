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
  /** Network interfaces that it has added to its pod. */
  readonly interfaces: readonly string[];
  readonly stalled: Stalled;
}

/** How long its processes have waited for what is scarce. */
export interface Stalled {
  /** Since the start, in nanoseconds. */
  readonly totalNs: bigint;
  /** Per cent of the time over the last 10, 60 and 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
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
  interfaces: [],
  stalledMillis: 1,
} as const;

/**
 * What a script's usage comes to so long after the start. Each entry holds from its time on, for what it names; CPU time
 * and waiting add up over the spans. The same script and time give the same figures.
 */
export function usageAt(usage: readonly ScriptUsage[], ageNs: bigint): UsageNow {
  const entries = usage.toSorted((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
  const { cpuMillis: _cpu, stalledMillis: _stalled, atMs: _at, ...rest } = valuesAt(entries, ageNs);
  const totalNs = spentUntil(entries, "stalledMillis", ageNs);
  const over = (seconds: number): number => {
    const windowNs = BigInt(seconds) * 1_000_000_000n;
    const before = ageNs > windowNs ? spentUntil(entries, "stalledMillis", ageNs - windowNs) : 0n;
    return (Number(totalNs - before) * 100) / Number(windowNs);
  };
  const stalled = { totalNs, avg10: over(10), avg60: over(60), avg300: over(300) };
  return { ...rest, cpuNs: spentUntil(entries, "cpuMillis", ageNs), stalled };
}

/** What holds at a moment, by entries in their order. */
function valuesAt(entries: readonly ScriptUsage[], ageNs: bigint): Required<ScriptUsage> {
  const begun = entries.filter((one) => startOf(one) <= ageNs);
  return Object.assign({ atMs: 0, ...idle }, ...begun) as Required<ScriptUsage>;
}

/** A rate in thousandths of the time, summed up. */
function spentUntil(entries: readonly ScriptUsage[], rate: "cpuMillis" | "stalledMillis", ageNs: bigint): bigint {
  let [spent, sinceNs, millis]: [bigint, bigint, number] = [0n, 0n, idle[rate]];
  for (const one of entries) {
    const atNs = startOf(one);
    if (atNs > ageNs) break;
    spent += ((atNs - sinceNs) * BigInt(millis)) / 1000n;
    [sinceNs, millis] = [atNs, one[rate] ?? millis];
  }
  return spent + ((ageNs - sinceNs) * BigInt(millis)) / 1000n;
}

function startOf({ atMs = 0 }: ScriptUsage): bigint {
  return BigInt(atMs) * 1_000_000n;
}
