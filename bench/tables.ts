// Results as markdown, for the terminal and for docs/benchmarks.md.
import type { Circumstances } from "./machine.ts";
import type { PodLifeResult, SlowCall, SyscallResult } from "./results.ts";

export function resultTable(result: PodLifeResult): string {
  const rows = result.comparisons.map(({ operation, keelsond, containerd, ratio }) => [
    operation,
    ms(keelsond.medianMs),
    ms(keelsond.p95Ms),
    ms(containerd.medianMs),
    ms(containerd.p95Ms),
    ratio.toFixed(2),
  ]);
  return table(["", "keelsond ms", "p95", "containerd ms", "p95", "ratio"], "lrrrrr", rows);
}

export function imageLine(result: PodLifeResult): string {
  const images = result.images.map(
    ({ name, layers, compressedBytes }) =>
      `${name} image: ${layers} ${layers === 1 ? "layer" : "layers"}, ${(compressedBytes / 1e6).toFixed(1)} MB compressed`,
  );
  return `${result.samples} samples each after ${result.warmUps} that do not count; ${images.join("; ")}.`;
}

export function circumstanceLines(result: Circumstances): string {
  const { machine, versions } = result;
  const shared = machine.loadBefore > 0.5 ? " (others used the machine: the ratios tell more than the times)" : "";
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.processor}, ${machine.cores} cores, ${(machine.memoryMiB / 1024).toFixed(0)} GiB; ${machine.system},`,
    `kernel ${machine.kernel}, cgroup ${machine.cgroups}; load ${machine.loadBefore} before the run${shared}.`,
    `${programs.join(", ")}. Commit ${result.commit.slice(0, 12)}${result.dirty ? " with uncommitted changes" : ""},`,
    `${result.measuredAt.slice(0, 16).replace("T", " ")} UTC.`,
  ].join("\n");
}

/** All that was slow, by whose time it was. */
export function callTables(result: SyscallResult): string {
  const { work, wait, core } = result.calls;
  const requests = result.requests.map(({ during, programs, syncs }) => [
    during,
    String(syncs),
    programs.length === 0 ? "none" : programs.map((name) => code(name)).join(", "),
  ]);
  return [
    "### Disk syncs, and programs that were started",
    table(["during", "syncs", "programs, in order"], "lrl", requests),
    `### Calls over ${result.thresholdMs} ms`,
    callTable(work, result.starts),
    "### Calls that waited for another process, in most starts",
    callTable(
      wait.filter(({ seenIn }) => seenIn * 2 > result.starts),
      result.starts,
    ),
    "### Calls that can't take long by themselves",
    core.length === 0 ? "None." : coreLines(core),
  ].join("\n\n");
}

function callTable(calls: readonly SlowCall[], starts: number): string {
  if (calls.length === 0) return "None.";
  const rows = calls.map(({ during, process, call, medianMs, seenIn }) => [
    during,
    code(process),
    code(call),
    ms(medianMs),
    `${seenIn} of ${starts}`,
  ]);
  return table(["during", "process", "call", "median ms", "starts"], "lllrr", rows);
}

/** A line for each process: which calls, and the longest of each. */
function coreLines(calls: readonly SlowCall[]): string {
  return [...Map.groupBy(calls, ({ process }) => process)]
    .map(([process, own]) => {
      const byName = Map.groupBy(own, ({ call }) => call.slice(0, call.indexOf("(")));
      const names = [...byName].map(([name, all]) => `${name} ${ms(Math.max(...all.map((one) => one.medianMs)))}`);
      return `- ${code(process)}: ${names.join(", ")}`;
    })
    .join("\n");
}

export function table(head: readonly string[], alignments: string, rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = [...alignments].map((one) => (one === "r" ? "--:" : ":--"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

const ms = (value: number): string => value.toFixed(1);
const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;
