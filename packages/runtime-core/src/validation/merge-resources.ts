import { create } from "@bufbuild/protobuf";
import { type LinuxContainerResources, LinuxContainerResourcesSchema } from "@keelson/cri-api/v1";

/**
 * What an update makes of a container's resources: what is not zero or empty in it is set, the rest stays. Huge pages
 * are told apart by their size, files of `unified` by their name. `oom_score_adj`, whose 0 is a value, never changes.
 */
export function mergeResources(
  old: LinuxContainerResources | undefined,
  asked: LinuxContainerResources,
): LinuxContainerResources {
  const before = old ?? create(LinuxContainerResourcesSchema);
  const sizes = new Set(asked.hugepageLimits.map(({ pageSize }) => pageSize));
  return create(LinuxContainerResourcesSchema, {
    cpuPeriod: asked.cpuPeriod || before.cpuPeriod,
    cpuQuota: asked.cpuQuota || before.cpuQuota,
    cpuShares: asked.cpuShares || before.cpuShares,
    memoryLimitInBytes: asked.memoryLimitInBytes || before.memoryLimitInBytes,
    memorySwapLimitInBytes: asked.memorySwapLimitInBytes || before.memorySwapLimitInBytes,
    oomScoreAdj: before.oomScoreAdj,
    cpusetCpus: asked.cpusetCpus || before.cpusetCpus,
    cpusetMems: asked.cpusetMems || before.cpusetMems,
    hugepageLimits: [...before.hugepageLimits.filter(({ pageSize }) => !sizes.has(pageSize)), ...asked.hugepageLimits],
    unified: Object.fromEntries([...Object.entries(before.unified), ...Object.entries(asked.unified)]),
  });
}
