import { dirname } from "node:path";
import { cgroupPath } from "../oci/cgroup-path.ts";
import { cgroupFolder } from "../oci/container-cgroup.ts";
import { type ExitFile, hasOomNote } from "../oci/exit-file.ts";
import { countOomKills } from "../oci/oom-kills.ts";
import type { ContainerDeps } from "./container-tools.ts";
import type { RunMonitorFacts, RunMonitorPlan } from "./steps/run-monitor.ts";

const killed = 128 + 9;

export interface EndedRun {
  readonly plan: Pick<RunMonitorPlan, "id" | "cgroupsPath">;
  readonly facts: Pick<RunMonitorFacts, "cgroup" | "podOomKills">;
  readonly file: ExitFile | undefined;
  /** We have sent SIGKILL ourselves. */
  readonly killedByUs: boolean;
}

/**
 * Whether the kernel killed a process of an ended container for want of memory, by conmon's note or by the count of its
 * cgroup. systemd removes a scope with its last process, often before conmon has looked: then a container that SIGKILL
 * ended counts as such if there was such a kill in its pod while it ran.
 */
export async function wasOomKilled(
  { plan, facts, file, killedByUs }: EndedRun,
  deps: Pick<ContainerDeps, "paths" | "cgroupLayout">,
): Promise<boolean> {
  if (await hasOomNote(deps.paths.persistFolder(plan.id))) return true;
  const own = countOomKills(facts.cgroup);
  if (own !== undefined) return own > 0;
  if (killedByUs || file?.code !== killed || facts.podOomKills === undefined) return false;
  return (countPodOomKills(plan.cgroupsPath, deps) ?? 0) > facts.podOomKills;
}

/** The count of the cgroup that a container's is in. */
export function countPodOomKills(cgroupsPath: string, deps: Pick<ContainerDeps, "cgroupLayout">): number | undefined {
  return countOomKills(dirname(cgroupFolder(deps.cgroupLayout(), cgroupPath(cgroupsPath))));
}
