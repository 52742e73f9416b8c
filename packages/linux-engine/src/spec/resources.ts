import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { LinuxContainerResources } from "@keelson/cri-api/v1";
import { checkCpuset } from "./cpuset.ts";
import type { HostFacts, Reported } from "./host-facts.ts";
import type { CpuResources, HugepageLimit, MemoryResources, Resources } from "./runtime-spec.ts";
import { buildUnified } from "./unified.ts";

export type ResourceFacts = Pick<HostFacts, "cgroupVersion" | "cgroupDriver" | "controllers" | "swapAccounting">;

const root = "linux.resources";

/**
 * Limits of a container, without the device rules. Everywhere 0 and "" ask for nothing.
 * @throws INVALID_ARGUMENT outside what the kernel takes; FAILED_PRECONDITION for a limit whose controller is not there
 */
export function buildResources(
  resources: LinuxContainerResources | undefined,
  facts: ResourceFacts,
): { resources: Omit<Resources, "devices">; reported: Reported[] } {
  if (resources === undefined) return { resources: buildPids({}, facts), reported: [] };
  checkResources(resources);
  checkControllers(resources, facts);
  const cpu = buildCpu(resources);
  const memory = buildMemory(resources, facts);
  const huge = buildHugepageLimits(resources, facts);
  const unified = buildUnified(resources.unified, facts);
  return {
    resources: {
      ...(isEmpty(cpu) ? {} : { cpu }),
      ...(isEmpty(memory.memory) ? {} : { memory: memory.memory }),
      ...(huge.limits.length === 0 ? {} : { hugepageLimits: huge.limits }),
      ...buildPids(unified.unified, facts),
      ...(isEmpty(unified.unified) ? {} : { unified: unified.unified }),
    },
    reported: [...memory.reported, ...huge.reported, ...unified.reported],
  };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

/** What can be said without knowing the host. `at`: where they stand. @throws INVALID_ARGUMENT */
export function checkResources(resources: LinuxContainerResources, at: string = root): void {
  const range = (field: string, value: bigint, [min, max]: readonly [bigint, bigint]): void => {
    if (value === 0n || (value >= min && value <= max)) return;
    throw invalidArgument(`read ${at}.${field}: ${value} is not in ${min}…${max}`);
  };
  const { memoryLimitInBytes: limit, memorySwapLimitInBytes: swap } = resources;
  range("cpu_shares", resources.cpuShares, [2n, 262_144n]);
  range("cpu_period", resources.cpuPeriod, [1000n, 1_000_000n]);
  if (resources.cpuQuota !== -1n) range("cpu_quota", resources.cpuQuota, [1000n, maxInt64]);
  if (limit !== -1n) range("memory_limit_in_bytes", limit, [1n, maxInt64]);
  if (swap !== -1n) range("memory_swap_limit_in_bytes", swap, [1n, maxInt64]);
  if (limit > 0n && swap > 0n && swap < limit) {
    throw invalidArgument(`read ${at}.memory_swap_limit_in_bytes: ${swap} is below the memory limit ${limit}`, {
      hint: "it counts memory and swap together",
    });
  }
  if (resources.cpusetCpus !== "") checkCpuset(resources.cpusetCpus, `${at}.cpuset_cpus`);
  if (resources.cpusetMems !== "") checkCpuset(resources.cpusetMems, `${at}.cpuset_mems`);
  for (const [index, { pageSize }] of resources.hugepageLimits.entries()) {
    if (!/^[1-9]\d{0,9}[KMGT]B$/.test(pageSize)) {
      throw invalidArgument(`read ${at}.hugepage_limits[${index}].page_size: ${quote(pageSize)} is not like "2MB"`);
    }
  }
}

const maxInt64 = 2n ** 63n - 1n;

/** The fields that need a controller, with its name and the field's name in the protocol. */
const controllers = {
  cpuShares: { controller: "cpu", name: "cpu_shares" },
  cpuQuota: { controller: "cpu", name: "cpu_quota" },
  cpusetCpus: { controller: "cpuset", name: "cpuset_cpus" },
  cpusetMems: { controller: "cpuset", name: "cpuset_mems" },
  memoryLimitInBytes: { controller: "memory", name: "memory_limit_in_bytes" },
} as const;

type LimitField = keyof typeof controllers;

/** Why a limit can't be kept on this host; undefined when it can, or asks for nothing (0, "", -1). */
export function missingController(
  field: LimitField,
  resources: LinuxContainerResources,
  facts: ResourceFacts,
): string | undefined {
  const { controller } = controllers[field];
  const value = resources[field];
  const asks = value !== 0n && value !== -1n && value !== "";
  return asks && !facts.controllers.has(controller) ? `this host has no ${controller} controller` : undefined;
}

function checkControllers(resources: LinuxContainerResources, facts: ResourceFacts): void {
  for (const field of Object.keys(controllers) as LimitField[]) {
    const why = missingController(field, resources, facts);
    if (why === undefined) continue;
    throw failedPrecondition(`set ${root}.${controllers[field].name}: value is ${resources[field]}, ${why}`);
  }
}

function buildCpu(resources: LinuxContainerResources): CpuResources {
  return {
    ...(resources.cpuShares === 0n ? {} : { shares: resources.cpuShares }),
    ...(resources.cpuQuota === 0n ? {} : { quota: resources.cpuQuota }),
    ...(resources.cpuPeriod === 0n ? {} : { period: resources.cpuPeriod }),
    ...(resources.cpusetCpus === "" ? {} : { cpus: resources.cpusetCpus }),
    ...(resources.cpusetMems === "" ? {} : { mems: resources.cpusetMems }),
  };
}

/** With a memory limit and no swap limit there is no swap, as containerd has it. */
function buildMemory(
  { memoryLimitInBytes: limit, memorySwapLimitInBytes: asked }: LinuxContainerResources,
  facts: ResourceFacts,
): { memory: MemoryResources; reported: Reported[] } {
  const swap = asked === 0n ? limit : asked;
  const memory = limit === 0n ? {} : { limit };
  if (swap === 0n) return { memory, reported: [] };
  if (facts.swapAccounting) return { memory: { ...memory, swap }, reported: [] };
  if (asked === 0n) return { memory, reported: [] };
  const field = `${root}.memory_swap_limit_in_bytes`;
  return { memory, reported: [{ field, value: String(asked), why: "this host does not count swap" }] };
}

/** systemd gives a scope that asks for nothing a share of all tasks (DefaultTasksMax=); the pod's limit is the kubelet's. */
function buildPids(
  unified: Readonly<Record<string, string>>,
  { cgroupDriver, controllers }: ResourceFacts,
): Pick<Resources, "pids"> {
  const asksNothing = cgroupDriver === "systemd" && controllers.has("pids") && unified["pids.max"] === undefined;
  return asksNothing ? { pids: { limit: -1 } } : {};
}

/** A limit of 0 (every create of the kubelet has one for each page size) asks for nothing where no controller counts. */
function buildHugepageLimits(
  { hugepageLimits }: LinuxContainerResources,
  facts: ResourceFacts,
): { limits: HugepageLimit[]; reported: Reported[] } {
  if (facts.controllers.has("hugetlb")) {
    return { limits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit })), reported: [] };
  }
  const reported = hugepageLimits.map(({ pageSize, limit }, index): Reported => {
    const field = `${root}.hugepage_limits[${index}]`;
    if (limit !== 0n) {
      throw failedPrecondition(
        `set ${field}: ${limit} bytes of ${pageSize} pages, this host has no hugetlb controller`,
      );
    }
    return { field, value: `${pageSize}=0`, why: "this host has no hugetlb controller: nothing limits them" };
  });
  return { limits: [], reported };
}
