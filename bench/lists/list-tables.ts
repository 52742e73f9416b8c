// The results of lists and statistics as markdown, for the terminal and for docs/benchmarks.md.
import type { Runtime } from "../runtimes.ts";
import { circumstanceLines, table } from "../tables.ts";
import type { CallRow, CallSample, ListProfile, ListResult } from "./list-result.ts";

/** Everything that docs/benchmarks.md shows of it. */
export function listPart(result: ListResult): string {
  return [circumstanceLines(result), countsLine(result), listTables(result)].join("\n\n");
}

export function listTables(result: ListResult): string {
  const parts = [callTable(result), memoryTable(result)];
  if (result.profiles.length > 0) parts.push("### Where keelsond's main thread is", profileTable(result));
  return parts.join("\n\n");
}

function countsLine({ slices, sliceMs, running, listed }: ListResult): string {
  return [
    `${slices} slices of ${sliceMs} ms for each runtime, call and number of calls in flight. ${running} pods with a running`,
    `container each; then besides them stopped pods up to ${listed.toLocaleString("en")} and created containers up to`,
    `${listed.toLocaleString("en")}.`,
  ].join(" ");
}

function callTable(result: ListResult): string {
  const head = ["", "in flight", "calls per second", "ratio", "median ms", "ratio", "p99 ms", "ratio"];
  const rows = result.rows.map((row) => [
    row.call,
    String(row.inFlight),
    ...compared(row, "callsPerSecond", whole),
    ...compared(row, "p50Ms", hundredths),
    ...compared(row, "p99Ms", hundredths),
    ...compared(row, "cpuMicrosPerCall", whole),
    `${whole(row.of.keelsond.clientCpuMicrosPerCall)} / ${whole(row.of.containerd.clientCpuMicrosPerCall)}`,
    `${kilobytes(row.answerBytes.keelsond)} / ${kilobytes(row.answerBytes.containerd)}`,
  ]);
  return table([...head, "µs of CPU a call", "ratio", "the load's µs", "answer kB"], "lrrrrrrrrrrr", rows);
}

/** `keelsond / containerd`, and the ratio. */
function compared(row: CallRow, of: keyof CallSample, show: (value: number) => string): readonly [string, string] {
  const { keelsond, containerd } = row.of;
  return [`${show(keelsond[of])} / ${show(containerd[of])}`, (keelsond[of] / containerd[of]).toFixed(2)];
}

function memoryTable({ memory }: ListResult): string {
  const both = (of: Readonly<Record<Runtime["name"], number>>): readonly [string, string] => [
    `${whole(of.keelsond)} / ${whole(of.containerd)}`,
    (of.keelsond / of.containerd).toFixed(2),
  ];
  const rows = memory.map((row) => [row.with, ...both(row.runtimeMiB), ...both(row.daemonMiB)]);
  return table(["", "MiB with monitors or shims", "ratio", "MiB of the daemon alone", "ratio"], "lrrrr", rows);
}

const shownParts = 5;
const shownFunctions = 4;

function profileTable({ profiles }: ListResult): string {
  const rows = profiles.map(({ call, busy, summary }: ListProfile) => [
    call,
    percent(busy),
    summary.parts
      .slice(0, shownParts)
      .map(({ name, share }) => `${name} ${percent(share)}`)
      .join(", "),
    summary.functions
      .slice(0, shownFunctions)
      .map(({ name, share }) => `\`${name}\` ${percent(share)}`)
      .join(", "),
  ]);
  return table(["", "busy", "parts", "functions, their own time"], "lrll", rows);
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const whole = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
const hundredths = (value: number): string => value.toFixed(2);
const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
