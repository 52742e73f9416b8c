// Both runtimes take turns at each call, and who is first changes with every slice.
import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "../runtimes.ts";
import { quantile } from "../summary.ts";
import type { CallRow, CallSample, MemoryRow } from "./list-result.ts";
import { type Load, startLoad } from "./load-process.ts";
import type { LoadSlice } from "./load-protocol.ts";
import type { MeasuredCall } from "./measured-calls.ts";
import { cpuMicros, memoryMiB, processesOf } from "./runtime-usage.ts";

export const inFlights: readonly number[] = [1, 8];

/** After a slice: what a runtime does after its last answer belongs to the slice. */
const settleMs = 50;
const warmUpMs = 400;
/** Before the first call of all: until V8 has compiled what every call passes. */
const longWarmUpMs = 2500;

export interface Subject {
  readonly runtime: Runtime;
  readonly load: Load;
}

export async function openSubject(runtime: Runtime): Promise<Subject> {
  return { runtime, load: await startLoad(runtime.endpoint.replace("unix://", "")) };
}

export interface Slices {
  readonly count: number;
  readonly ms: number;
  /** Both runtimes' own, for telling their monitors from others'. */
  readonly folder: string;
}

interface MeasuredSlice extends LoadSlice {
  readonly cpuMicros: number;
}

export async function measureCalls(
  subjects: readonly Subject[],
  calls: readonly MeasuredCall[],
  slices: Slices,
): Promise<readonly CallRow[]> {
  const pids = new Map<Subject, readonly number[]>();
  for (const subject of subjects) pids.set(subject, await processesOf(subject.runtime, slices.folder));
  const rows: CallRow[] = [];
  for (const [index, call] of calls.entries()) {
    for (const { runtime, load } of subjects) {
      const durationMs = index === 0 ? longWarmUpMs : warmUpMs;
      await load.perform({ ...call.request[runtime.name], inFlight: 8, durationMs });
    }
    for (const inFlight of inFlights) {
      const taken = new Map<Subject, MeasuredSlice[]>(subjects.map((subject) => [subject, []]));
      for (let slice = 0; slice < slices.count; slice++) {
        for (const subject of slice % 2 === 0 ? subjects : subjects.toReversed()) {
          const { runtime, load } = subject;
          const before = await cpuMicros(pids.get(subject) ?? []);
          const of = await load.perform({ ...call.request[runtime.name], inFlight, durationMs: slices.ms });
          await delay(settleMs);
          const after = await cpuMicros(pids.get(subject) ?? []);
          taken.get(subject)?.push({ ...of, cpuMicros: after - before });
        }
      }
      const of = (name: Runtime["name"]): readonly MeasuredSlice[] =>
        [...taken].find(([{ runtime }]) => runtime.name === name)?.[1] ?? [];
      rows.push({
        call: call.name,
        inFlight,
        answerBytes: { keelsond: bytesOf(of("keelsond")), containerd: bytesOf(of("containerd")) },
        of: { keelsond: sampleOf(of("keelsond")), containerd: sampleOf(of("containerd")) },
      });
    }
  }
  return rows;
}

const bytesOf = (slices: readonly LoadSlice[]): number => slices.at(-1)?.answerBytes ?? 0;

function sampleOf(slices: readonly MeasuredSlice[]): CallSample {
  const latencies = slices.flatMap(({ latenciesMs }) => latenciesMs);
  const sum = (of: (slice: MeasuredSlice) => number): number => slices.reduce((all, slice) => all + of(slice), 0);
  return {
    calls: latencies.length,
    callsPerSecond: quantile(
      slices.map(({ latenciesMs, seconds }) => latenciesMs.length / seconds),
      0.5,
    ),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicrosPerCall: sum((slice) => slice.cpuMicros) / latencies.length,
    clientCpuMicrosPerCall: sum((slice) => slice.clientCpuMicros) / latencies.length,
  };
}

export async function measureMemory(subjects: readonly Subject[], what: string, folder: string): Promise<MemoryRow> {
  const of = async (name: Runtime["name"]): Promise<{ readonly all: number; readonly daemon: number }> => {
    const runtime = subjects.find((subject) => subject.runtime.name === name)?.runtime;
    if (runtime === undefined) return { all: 0, daemon: 0 };
    const all = await memoryMiB(await processesOf(runtime, folder));
    return { all, daemon: await memoryMiB([runtime.pid]) };
  };
  const keelsond = await of("keelsond");
  const containerd = await of("containerd");
  return {
    with: what,
    runtimeMiB: { keelsond: keelsond.all, containerd: containerd.all },
    daemonMiB: { keelsond: keelsond.daemon, containerd: containerd.daemon },
  };
}
