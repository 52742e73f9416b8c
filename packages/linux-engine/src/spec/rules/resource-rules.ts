import {
  type HugepageLimit,
  HugepageLimitSchema,
  type LinuxContainerResources,
  LinuxContainerResourcesSchema,
} from "@keelson/cri-api/v1";
import { missingController } from "../resources.ts";
import { refuseUnified } from "../unified.ts";
import { type FieldRule, honoured, type RuleTable, ruleTable } from "./rule.ts";

type LimitField = Parameters<typeof missingController>[0];

const limit = <Field extends LimitField>(
  field: Field,
): FieldRule<LinuxContainerResources, LinuxContainerResources[Field]> =>
  honoured("resources.ts; refused on a host without the controller", (_value, at, resources) =>
    missingController(field, resources, at.facts),
  );

export const resourceRules: readonly RuleTable[] = [
  ruleTable<LinuxContainerResources>(LinuxContainerResourcesSchema, {
    cpuPeriod: honoured("resources.ts"),
    cpuQuota: limit("cpuQuota"),
    cpuShares: limit("cpuShares"),
    memoryLimitInBytes: limit("memoryLimitInBytes"),
    oomScoreAdj: honoured("oom-score.ts; raised to the daemon's own where it may not go lower"),
    cpusetCpus: limit("cpusetCpus"),
    cpusetMems: limit("cpusetMems"),
    hugepageLimits: honoured("HugepageLimit"),
    unified: honoured("unified.ts; any key on cgroup v1 is refused, and a key that is not kept", (unified, at) => {
      for (const key of Object.keys(unified)) {
        const why = refuseUnified(key, at.facts);
        if (why !== undefined) return why;
      }
      return undefined;
    }),
    memorySwapLimitInBytes: honoured("resources.ts; not kept, and reported, on a host that does not count swap"),
  }),
  ruleTable<HugepageLimit>(HugepageLimitSchema, {
    pageSize: honoured("resources.ts"),
    limit: honoured("resources.ts; all but 0 is refused on a host without the controller", (bytes, at) =>
      bytes === 0n || at.facts.controllers.has("hugetlb") ? undefined : "this host has no hugetlb controller",
    ),
  }),
];
