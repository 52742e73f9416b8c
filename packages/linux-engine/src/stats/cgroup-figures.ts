import type { ContainerFigures } from "@keelson/runtime-core/ports";
import { namedNumbers, numberOf, pressureOf } from "./cgroup-text.ts";

/** What a cgroup and all below it use; a figure whose controller or file is not there is absent. */
export type CgroupFigures = Pick<ContainerFigures, "cpu" | "memory" | "swap" | "io"> & {
  /** Tasks, as the pids controller counts them. */
  readonly tasks?: bigint;
};

/** The files of one cgroup; undefined: it is not there. */
export interface CgroupTexts {
  /** When they were read, in nanoseconds since 1970. */
  readonly timestamp: bigint;
  get(name: string): string | undefined;
}

/** A file and the v1 controller in whose hierarchy it is. */
export const filesOfV1: ReadonlyMap<string, string> = new Map([
  ["cpuacct.usage", "cpuacct"],
  ["memory.usage_in_bytes", "memory"],
  ["memory.stat", "memory"],
  ["memory.limit_in_bytes", "memory"],
  ["memory.memsw.limit_in_bytes", "memory"],
  ["pids.current", "pids"],
]);

/** Kept by cgroup2, also where it stands beside v1 (Documentation/accounting/psi). */
export const pressureFiles: readonly string[] = ["cpu.pressure", "memory.pressure", "io.pressure"];

export const filesOfV2: readonly string[] = [
  ...pressureFiles,
  "cpu.stat",
  "memory.current",
  "memory.stat",
  "memory.max",
  "memory.swap.current",
  "memory.swap.max",
  "pids.current",
];

/**
 * Figures of a cgroup of v1 (Documentation/admin-guide/cgroup-v1). `total_` counts what is below, too. Of pressure v1 knows
 * nothing: on a hybrid host it is that of the cgroup of the same path in cgroup2.
 */
export function figuresOfV1(texts: CgroupTexts): CgroupFigures {
  const { timestamp } = texts;
  const cpu = numberOf(texts.get("cpuacct.usage"));
  const usage = numberOf(texts.get("memory.usage_in_bytes"));
  const stat = namedNumbers(texts.get("memory.stat"));
  const limit = limitOf(texts.get("memory.limit_in_bytes"));
  const bothLimit = limitOf(texts.get("memory.memsw.limit_in_bytes"));
  const swapLimit = limit === undefined || bothLimit === undefined ? undefined : bothLimit - limit;
  return {
    ...cpuFigures(texts, cpu),
    ...memoryFigures({
      timestamp,
      usage,
      limit,
      inactiveFile: stat.get("total_inactive_file"),
      rss: stat.get("total_rss"),
      faults: stat.get("total_pgfault"),
      majorFaults: stat.get("total_pgmajfault"),
      ...withPressure(texts.get("memory.pressure")),
    }),
    ...swapFigures(timestamp, stat.get("total_swap"), swapLimit),
    ...ioFigures(texts),
    ...taskFigures(texts),
  };
}

/** Figures of a cgroup of v2 (Documentation/admin-guide/cgroup-v2). */
export function figuresOfV2(texts: CgroupTexts): CgroupFigures {
  const { timestamp } = texts;
  const cpu = namedNumbers(texts.get("cpu.stat")).get("usage_usec");
  const stat = namedNumbers(texts.get("memory.stat"));
  return {
    ...cpuFigures(texts, cpu === undefined ? undefined : cpu * 1000n),
    ...memoryFigures({
      timestamp,
      usage: numberOf(texts.get("memory.current")),
      limit: limitOf(texts.get("memory.max")),
      inactiveFile: stat.get("inactive_file"),
      rss: stat.get("anon"),
      faults: stat.get("pgfault"),
      majorFaults: stat.get("pgmajfault"),
      ...withPressure(texts.get("memory.pressure")),
    }),
    ...swapFigures(timestamp, numberOf(texts.get("memory.swap.current")), limitOf(texts.get("memory.swap.max"))),
    ...ioFigures(texts),
    ...taskFigures(texts),
  };
}

function cpuFigures(texts: CgroupTexts, usedNs: bigint | undefined): Pick<CgroupFigures, "cpu"> {
  if (usedNs === undefined) return {};
  const { timestamp } = texts;
  const pressure = withPressure(texts.get("cpu.pressure"));
  return { cpu: { timestamp, usageCoreNanoSeconds: { value: usedNs }, ...pressure } };
}

function ioFigures(texts: CgroupTexts): Pick<CgroupFigures, "io"> {
  const psi = pressureOf(texts.get("io.pressure"));
  return psi === undefined ? {} : { io: { timestamp: texts.timestamp, psi } };
}

interface MemoryTexts {
  readonly timestamp: bigint;
  readonly usage: bigint | undefined;
  readonly limit: bigint | undefined;
  readonly inactiveFile: bigint | undefined;
  readonly rss: bigint | undefined;
  readonly faults: bigint | undefined;
  readonly majorFaults: bigint | undefined;
  readonly psi?: NonNullable<ReturnType<typeof pressureOf>>;
}

/** The working set is the kubelet's and cadvisor's: usage less the page cache that was not used lately, never below 0. */
function memoryFigures(memory: MemoryTexts): Pick<CgroupFigures, "memory"> {
  const { timestamp, usage, limit, inactiveFile = 0n, psi } = memory;
  if (usage === undefined) return {};
  const workingSet = notNegative(usage - inactiveFile);
  return {
    memory: {
      timestamp,
      usageBytes: { value: usage },
      workingSetBytes: { value: workingSet },
      ...(limit === undefined ? {} : { availableBytes: { value: notNegative(limit - workingSet) } }),
      ...named("rssBytes", memory.rss),
      ...named("pageFaults", memory.faults),
      ...named("majorPageFaults", memory.majorFaults),
      ...(psi === undefined ? {} : { psi }),
    },
  };
}

function swapFigures(
  timestamp: bigint,
  used: bigint | undefined,
  limit: bigint | undefined,
): Pick<CgroupFigures, "swap"> {
  if (used === undefined) return {};
  const available = limit === undefined ? undefined : notNegative(limit - used);
  return { swap: { timestamp, ...named("swapUsageBytes", used), ...named("swapAvailableBytes", available) } };
}

function taskFigures(texts: CgroupTexts): Pick<CgroupFigures, "tasks"> {
  const tasks = numberOf(texts.get("pids.current"));
  return tasks === undefined ? {} : { tasks };
}

function withPressure(text: string | undefined): { readonly psi?: NonNullable<ReturnType<typeof pressureOf>> } {
  const psi = pressureOf(text);
  return psi === undefined ? {} : { psi };
}

function named<Name extends string>(
  name: Name,
  value: bigint | undefined,
): { readonly [key in Name]?: { value: bigint } } {
  return value === undefined ? {} : ({ [name]: { value } } as { [key in Name]: { value: bigint } });
}

/** v1 has no word for "no limit" but a number of pages that no machine has; cadvisor draws the line here. */
const unlimited = 2n ** 62n;

function limitOf(text: string | undefined): bigint | undefined {
  const limit = numberOf(text);
  return limit === undefined || limit >= unlimited ? undefined : limit;
}

function notNegative(value: bigint): bigint {
  return value < 0n ? 0n : value;
}
