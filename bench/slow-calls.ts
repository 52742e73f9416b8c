// Slow calls of several starts, put together.
import type { StartedPod } from "./pod-sample.ts";
import type { SlowCall, SyscallResult } from "./results.ts";
import { describeCall, isSync, startedProgram, type TracedCall, timeOf } from "./strace-lines.ts";
import { quantile } from "./summary.ts";

export const thresholdMs = 5;

/** One start of a pod under strace. */
export interface TracedStart {
  readonly calls: readonly TracedCall[];
  readonly pod: StartedPod;
  /** The runtime's own threads. */
  readonly own: ReadonlySet<number>;
}

interface Row extends Omit<SlowCall, "medianMs" | "seenIn"> {
  readonly timeOf: "work" | "wait" | "core";
  /** The longest of each start that has one. */
  readonly longestMs: number[];
}

/** @param names what the runtime is called, and the folder that is left out of arguments */
export function slowCalls(
  starts: readonly TracedStart[],
  names: { readonly runtime: string; readonly folder: string },
): SyscallResult["calls"] {
  const rows = new Map<string, Row>();
  for (const start of starts) {
    const longest = new Map<string, { readonly row: Omit<Row, "longestMs">; readonly ms: number }>();
    for (const call of start.calls) {
      const during = phaseAt(start.pod, call.beganMs);
      if (call.tookMs <= thresholdMs || during === undefined) continue;
      const process = start.own.has(call.tid) ? `${names.runtime} (${call.thread})` : call.thread;
      const row = { during, process, call: describeCall(call, names.folder), timeOf: timeOf(call) };
      const key = JSON.stringify(row);
      longest.set(key, { row, ms: Math.max(call.tookMs, longest.get(key)?.ms ?? 0) });
    }
    for (const [key, { row, ms }] of longest) {
      const known = rows.get(key) ?? { ...row, longestMs: [] };
      known.longestMs.push(ms);
      rows.set(key, known);
    }
  }
  const listed = (of: Row["timeOf"]): readonly SlowCall[] =>
    [...rows.values()]
      .filter((row) => row.timeOf === of)
      .map(({ during, process, call, longestMs }) => ({
        during,
        process,
        call,
        medianMs: quantile(longestMs, 0.5),
        seenIn: longestMs.length,
      }))
      .sort((a, b) => b.seenIn - a.seenIn || b.medianMs - a.medianMs);
  return { work: listed("work"), wait: listed("wait"), core: listed("core") };
}

/** What was executed during each request of one start, in order, and how often somebody waited for the disk. */
export function requestFacts(start: TracedStart): SyscallResult["requests"] {
  const calls = start.calls.toSorted((a, b) => a.beganMs - b.beganMs);
  return Object.keys(start.pod.times).map((during) => {
    const own = calls.filter((call) => phaseAt(start.pod, call.beganMs) === during);
    const programs = own.map(startedProgram).filter((program) => program !== undefined);
    return { during, programs, syncs: own.filter(isSync).length };
  });
}

/** The request that was being answered then. */
function phaseAt(pod: StartedPod, atMs: number): string | undefined {
  let end = pod.beganMs;
  if (atMs < end) return undefined;
  for (const [name, ms] of Object.entries(pod.times)) {
    end += ms;
    if (atMs < end) return name;
  }
  return undefined;
}
