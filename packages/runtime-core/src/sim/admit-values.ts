import { invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  type LinuxContainerResources,
  NamespaceMode,
  type NamespaceOption,
  type SELinuxOption,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";

// The simulated engine grants everything that it is asked for, and says no only to what means nothing anywhere.

/** @throws INVALID_ARGUMENT */
export function checkEnum(value: number, known: Readonly<Record<string, number>>, field: string): void {
  if (!Object.values(known).includes(value)) throw invalidArgument(`read ${field}: ${value} is no such value`);
}

/** @throws INVALID_ARGUMENT when it is not absolute, holds NUL, or is longer than the kernel takes */
export function checkPath(path: string, field: string): void {
  if (!path.startsWith("/")) throw invalidArgument(`read ${field}: ${quote(path)} is not an absolute path`);
  checkText(path, field, 4096);
}

/** @throws INVALID_ARGUMENT for NUL and for more than `maxBytes` of UTF-8 */
export function checkText(text: string, field: string, maxBytes: number): void {
  if (text.includes("\0")) throw invalidArgument(`read ${field}: ${quote(text)} holds a NUL byte`);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBytes) throw invalidArgument(`read ${field}: it has ${bytes} bytes, at most ${maxBytes} are possible`);
}

/** @throws INVALID_ARGUMENT for what is no user or group ID of Linux */
export function checkId(id: bigint, field: string): void {
  checkRange(id, 0n, 2n ** 31n - 1n, field);
}

/** @throws INVALID_ARGUMENT */
export function checkRange(value: bigint, min: bigint, max: bigint, field: string): void {
  if (value < min || value > max) throw invalidArgument(`read ${field}: ${value} is not in ${min}…${max}`);
}

/** @throws INVALID_ARGUMENT for a Localhost profile without a name, and for an unknown kind */
export function checkProfile(profile: SecurityProfile | undefined, field: string): void {
  if (profile === undefined) return;
  checkEnum(profile.profileType, SecurityProfile_ProfileType, `${field}.profile_type`);
  if (profile.profileType === SecurityProfile_ProfileType.Localhost && profile.localhostRef === "") {
    throw invalidArgument(`read ${field}.localhost_ref: a Localhost profile has a name`);
  }
}

/** @throws INVALID_ARGUMENT */
export function checkSelinux(options: SELinuxOption | undefined, field: string): void {
  if (options === undefined) return;
  for (const part of ["user", "role", "type", "level"] as const) checkText(options[part], `${field}.${part}`, 256);
}

/** @throws INVALID_ARGUMENT */
export function checkNamespaces(options: NamespaceOption | undefined, field: string): void {
  if (options === undefined) return;
  for (const kind of ["network", "pid", "ipc"] as const) {
    checkEnum(options[kind], NamespaceMode, `${field}.${kind}`);
    const possible =
      kind === "pid" ? true : options[kind] === NamespaceMode.POD || options[kind] === NamespaceMode.NODE;
    if (!possible) throw invalidArgument(`read ${field}.${kind}: it is either POD or NODE`);
  }
  if (options.pid === NamespaceMode.TARGET && options.targetId === "") {
    throw invalidArgument(`read ${field}.target_id: pid TARGET names a container`);
  }
  if (options.pid !== NamespaceMode.TARGET && options.targetId !== "") {
    throw invalidArgument(`read ${field}.target_id: ${quote(options.targetId)} goes with pid TARGET alone`);
  }
  const userns = options.usernsOptions;
  if (userns === undefined) return;
  const modes = [NamespaceMode.POD, NamespaceMode.NODE] as readonly number[];
  if (!modes.includes(userns.mode))
    throw invalidArgument(`read ${field}.userns_options.mode: it is either POD or NODE`);
  const mapped = userns.uids.length > 0 || userns.gids.length > 0;
  if (userns.mode === NamespaceMode.NODE && mapped) {
    throw invalidArgument(`read ${field}.userns_options: the node's user namespace has no mappings`);
  }
  if (userns.mode !== NamespaceMode.POD) return;
  for (const kind of ["uids", "gids"] as const) {
    const [mapping, ...more] = userns[kind];
    if (mapping === undefined || more.length > 0) {
      throw invalidArgument(`read ${field}.userns_options.${kind}: a user namespace needs one mapping`);
    }
    if (mapping.containerId !== 0 || mapping.length === 0) {
      throw invalidArgument(`read ${field}.userns_options.${kind}[0]: ID 0 of the container is not mapped`);
    }
  }
}

/** Everywhere 0 and "" ask for nothing. @throws INVALID_ARGUMENT */
export function checkResources(resources: LinuxContainerResources | undefined, field: string): void {
  if (resources === undefined) return;
  const most = 2n ** 63n - 1n;
  const limit = (name: string, value: bigint, min: bigint, max: bigint, unlimited: boolean): void => {
    if (value !== 0n && !(unlimited && value === -1n)) checkRange(value, min, max, `${field}.${name}`);
  };
  limit("cpu_shares", resources.cpuShares, 2n, 262_144n, false);
  limit("cpu_period", resources.cpuPeriod, 1000n, 1_000_000n, false);
  limit("cpu_quota", resources.cpuQuota, 1000n, most, true);
  limit("memory_limit_in_bytes", resources.memoryLimitInBytes, 1n, most, true);
  limit("memory_swap_limit_in_bytes", resources.memorySwapLimitInBytes, 1n, most, true);
  checkRange(resources.oomScoreAdj, -1000n, 1000n, `${field}.oom_score_adj`);
  const { memoryLimitInBytes: memory, memorySwapLimitInBytes: swap } = resources;
  if (memory > 0n && swap > 0n && swap < memory) {
    throw invalidArgument(`read ${field}.memory_swap_limit_in_bytes: ${swap} is below the memory limit ${memory}`);
  }
  checkCpuset(resources.cpusetCpus, `${field}.cpuset_cpus`);
  checkCpuset(resources.cpusetMems, `${field}.cpuset_mems`);
  for (const [index, { pageSize }] of resources.hugepageLimits.entries()) {
    if (/^[1-9][0-9]{0,9}[KMGT]B$/.test(pageSize)) continue;
    throw invalidArgument(`read ${field}.hugepage_limits[${index}].page_size: ${quote(pageSize)} is not like "2MB"`);
  }
}

function checkCpuset(list: string, field: string): void {
  if (list === "") return;
  checkText(list, field, 4096);
  for (const part of list.split(",")) {
    const [, from, to = from] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part.trim()) ?? [];
    if (from !== undefined && Number(to) <= 8191 && Number(from) <= Number(to)) continue;
    throw invalidArgument(`read ${field}: ${quote(list)} is not a list of numbers and ranges up to 8191`);
  }
}
