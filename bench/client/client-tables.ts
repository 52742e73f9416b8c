// The client's results as markdown, for the terminal and for docs/benchmarks.md.
import { quantile } from "../summary.ts";
import { circumstanceLines, table } from "../tables.ts";
import type { ClientResult, ProfileRow } from "./client-result.ts";
import type { ContenderName } from "./contender.ts";
import type { LoadSample, MemorySample } from "./worker-protocol.ts";

const names: Readonly<Record<ContenderName, string>> = {
  keelson: "cri-client",
  "grpc-js": "grpc-js",
  http2: "bare node:http2",
};

/** A row each: ours, the other's, ours over the other's, the floor. */
export function clientTable(result: ClientResult): string {
  const rows = [...loadRows(result), ...memoryRows(result), ...listRows(result)];
  return table(["", names.keelson, names["grpc-js"], "ratio", names.http2], "lrrrr", rows);
}

function clientCountsLine({ slices, sliceMs, listBytes }: ClientResult): string {
  return [
    `${slices} slices of ${sliceMs} ms for each client and number of calls in flight, medians over the slices;`,
    `the list is ${(listBytes / 1e6).toFixed(1)} MB.`,
  ].join(" ");
}

/** Everything that docs/benchmarks.md shows of it. */
export function clientPart(result: ClientResult): string {
  return [circumstanceLines(result), clientCountsLine(result), clientTable(result), profileTables(result)].join("\n\n");
}

export function profileTables(result: ClientResult): string {
  return result.profiles.map((row) => profileTable(row, result)).join("\n\n");
}

type Row = readonly string[];

function loadRows(result: ClientResult): readonly Row[] {
  const inFlights = [...new Set(result.load.map(({ inFlight }) => inFlight))];
  const measure = (label: string, of: keyof LoadSample, show: (value: number) => string): readonly Row[] =>
    inFlights.map((inFlight) => {
      const value = (contender: ContenderName): number | undefined => medianLoad(result, contender, inFlight, of);
      return row(`${label}, ${inFlight} in flight`, value, show);
    });
  return [
    ...measure("calls per second", "callsPerSecond", whole),
    ...measure("median ms", "p50Ms", hundredths),
    ...measure("p99 ms", "p99Ms", hundredths),
    ...measure("µs of CPU a call", "cpuMicrosPerCall", whole),
  ];
}

function memoryRows({ memory }: ClientResult): readonly Row[] {
  const measure = (label: string, of: keyof MemorySample): readonly Row[] =>
    (memory[0]?.samples ?? []).map(({ calls }) =>
      row(
        calls === 0 ? `${label} when connected` : `${label} after ${calls.toLocaleString("en")} calls`,
        (contender) =>
          memory.find((one) => one.contender === contender)?.samples.find((one) => one.calls === calls)?.[of],
        tenths,
      ),
    );
  return [...measure("heap MiB", "heapMiB"), ...measure("resident MiB", "rssMiB")];
}

function listRows({ lists }: ClientResult): readonly Row[] {
  const samples = (contender: ContenderName) => lists.find((one) => one.contender === contender)?.samples ?? [];
  const median = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : quantile(values, 0.5);
  return [
    row("first list of 10,000, ms", (contender) => samples(contender)[0]?.ms, whole),
    row(
      "list of 10,000, ms",
      (contender) =>
        median(
          samples(contender)
            .slice(1)
            .map(({ ms }) => ms),
        ),
      whole,
    ),
    row(
      "list of 10,000, ms of CPU",
      (contender) =>
        median(
          samples(contender)
            .slice(1)
            .map(({ cpuMs }) => cpuMs),
        ),
      whole,
    ),
  ];
}

function row(
  label: string,
  value: (contender: ContenderName) => number | undefined,
  show: (value: number) => string,
): Row {
  const [ours, other, floor] = [value("keelson"), value("grpc-js"), value("http2")];
  const shown = (one: number | undefined): string => (one === undefined ? "" : show(one));
  const ratio = ours === undefined || other === undefined ? undefined : ours / other;
  return [label, shown(ours), shown(other), ratio === undefined ? "" : ratio.toFixed(2), shown(floor)];
}

function medianLoad(
  { load }: ClientResult,
  contender: ContenderName,
  inFlight: number,
  of: keyof LoadSample,
): number | undefined {
  const found = load.find((one) => one.contender === contender && one.inFlight === inFlight);
  return found === undefined
    ? undefined
    : quantile(
        found.samples.map((sample) => sample[of]),
        0.5,
      );
}

/** Shares of the profile as time of a call: the share of the CPU time that the same load takes without a profiler. */
function profileTable({ contender, inFlight, calls, summary }: ProfileRow, result: ClientResult): string {
  const perCall = medianLoad(result, contender, inFlight, "cpuMicrosPerCall") ?? 0;
  const rows = (of: ProfileRow["summary"]["parts"]): readonly Row[] =>
    of.map(({ name, share }) => [`\`${name}\``, `${(share * 100).toFixed(1)} %`, (share * perCall).toFixed(1)]);
  return [
    `### Where the time of ${names[contender]} goes`,
    `${calls.toLocaleString("en")} calls of Version, ${inFlight} in flight.`,
    table(["part", "share", "µs a call"], "lrr", rows(summary.parts)),
    table(["function, its own time", "share", "µs a call"], "lrr", rows(summary.functions)),
  ].join("\n\n");
}

const whole = (value: number): string => value.toFixed(0);
const tenths = (value: number): string => value.toFixed(1);
const hundredths = (value: number): string => value.toFixed(2);
