import type { Resources } from "../spec/index.ts";

/** A file of a cgroup and what to write into it. */
export interface LimitFile {
  /** v1: the controller in whose hierarchy it is. */
  readonly controller: string;
  readonly name: string;
  readonly value: string;
}

type Limits = Omit<Resources, "devices">;

/**
 * The files of a cgroup that limits come to, on v1 or v2. Not `cpu.weight` of v2: how shares become a weight is the OCI
 * runtime's affair, and differs between its versions.
 */
export function limitFiles(limits: Limits, version: 1 | 2): readonly LimitFile[] {
  return version === 1 ? filesOfV1(limits) : filesOfV2(limits);
}

function filesOfV1({ cpu, memory, hugepageLimits = [] }: Limits): readonly LimitFile[] {
  return [
    ...file("cpu", "cpu.shares", cpu?.shares),
    ...file("cpu", "cpu.cfs_period_us", cpu?.period),
    ...file("cpu", "cpu.cfs_quota_us", cpu?.quota),
    ...file("cpuset", "cpuset.cpus", cpu?.cpus),
    ...file("cpuset", "cpuset.mems", cpu?.mems),
    ...file("memory", "memory.limit_in_bytes", memory?.limit),
    ...file("memory", "memory.memsw.limit_in_bytes", memory?.swap),
    ...hugepageLimits.flatMap(({ pageSize, limit }) => file("hugetlb", `hugetlb.${pageSize}.limit_in_bytes`, limit)),
  ];
}

function filesOfV2({ cpu, memory, hugepageLimits = [], unified = {} }: Limits): readonly LimitFile[] {
  return [
    ...file("cpu", "cpu.max", cpuMax(cpu)),
    ...file("cpuset", "cpuset.cpus", cpu?.cpus),
    ...file("cpuset", "cpuset.mems", cpu?.mems),
    ...file("memory", "memory.max", memory?.limit === undefined ? undefined : orMax(memory.limit)),
    ...file("memory", "memory.swap.max", swapMax(memory)),
    ...hugepageLimits.flatMap(({ pageSize, limit }) => file("hugetlb", `hugetlb.${pageSize}.max`, limit)),
    // they win over the fields
    ...Object.entries(unified).flatMap(([name, value]) => file(name.split(".")[0] ?? "", name, value)),
  ];
}

function file(controller: string, name: string, value: string | bigint | undefined): readonly LimitFile[] {
  return value === undefined ? [] : [{ controller, name, value: String(value) }];
}

function orMax(value: bigint): string {
  return value < 0n ? "max" : String(value);
}

/** A quota alone leaves the period as it is. */
function cpuMax(cpu: Limits["cpu"]): string | undefined {
  if (cpu?.quota === undefined && cpu?.period === undefined) return undefined;
  const quota = orMax(cpu.quota ?? -1n);
  return cpu.period === undefined ? quota : `${quota} ${cpu.period}`;
}

/** The limit of CRI counts memory, too; that of v2 does not. */
function swapMax(memory: Limits["memory"]): string | undefined {
  if (memory?.swap === undefined) return undefined;
  const { swap, limit = 0n } = memory;
  return swap < 0n ? "max" : limit < 0n ? undefined : String(swap - limit);
}
