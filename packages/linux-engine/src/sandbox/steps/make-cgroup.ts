import { posix } from "node:path";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { hierarchyRoots, makeCgroup, missingFolders, removeFolderIfEmpty } from "../../cgroup/cgroup-folders.ts";
import { podCgroup } from "../../cgroup/pod-cgroup.ts";
import { stopSlice } from "../../cgroup/stop-slice.ts";
import { removeCgroup } from "../../oci/container-cgroup.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

type Plan = FoldersPlan | { readonly slice: string };

type FoldersPlan = {
  readonly path: string;
  /** Our own cgroup: given back with whatever empty cgroups are below. */
  readonly own: readonly string[];
  /** What others may use too, the outer first: given back where it is empty. */
  readonly above: readonly string[];
};

/**
 * The cgroup around the pod's containers. The kubelet makes its own and keeps it (in the hierarchies that it knows);
 * what is missing is made, and nothing else is given back. With systemd a slice comes with the first scope in it; ours
 * is stopped.
 */
export const makePodCgroup: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  Plan,
  Record<string, never>
>({
  name: "make-cgroup",
  heldUntil: "remove",
  plan: ({ id, config }, { cgroups, cgroupLayout }) => {
    const { parent, isOurs } = podCgroup(cgroups, id, config.linux?.cgroupParent ?? "");
    if (cgroups.driver === "systemd") return isOurs ? { slice: parent } : undefined;
    const layout = cgroupLayout();
    const leaves = hierarchyRoots(layout).map((root) => posix.join(root, parent));
    // The folder above ours is shared by all our pods: whoever is the last to leave removes it.
    if (isOurs) return { path: parent, own: leaves, above: leaves.map((leaf) => posix.dirname(leaf)) };
    const missing = missingFolders(layout, parent);
    return missing.length === 0 ? undefined : { path: parent, own: [], above: missing };
  },
  apply: async (plan, { cgroupLayout }) => {
    if (!("slice" in plan)) makeCgroup(cgroupLayout(), plan.path);
    return {};
  },
  revert: async (plan) => {
    if ("slice" in plan) return await stopSlice(plan.slice);
    const { own, above } = plan;
    for (const folder of own) removeCgroup(folder);
    for (const folder of above.toReversed()) removeFolderIfEmpty(folder);
  },
});
