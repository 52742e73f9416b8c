import { posix } from "node:path";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { hierarchyRoots, makeCgroup, missingFolders, removeFolderIfEmpty } from "../../cgroup/cgroup-folders.ts";
import { podCgroup } from "../../cgroup/pod-cgroup.ts";
import { removeCgroup } from "../../oci/container-cgroup.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

type Plan = {
  readonly path: string;
  /** Our own cgroup: given back with whatever empty cgroups are below. */
  readonly own: readonly string[];
  /** What others may use too, the outer first: given back where it is empty. */
  readonly above: readonly string[];
};

/**
 * The cgroup around the pod's containers. The kubelet makes its own and keeps it (in the hierarchies that it knows);
 * what is missing is made, and nothing else is given back. systemd makes slices with the first scope in them and drops
 * them with the last.
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
    if (cgroups.driver === "systemd") return undefined;
    const layout = cgroupLayout();
    const leaves = hierarchyRoots(layout).map((root) => posix.join(root, parent));
    // The folder above ours is shared by all our pods: whoever is the last to leave removes it.
    if (isOurs) return { path: parent, own: leaves, above: leaves.map((leaf) => posix.dirname(leaf)) };
    const missing = missingFolders(layout, parent);
    return missing.length === 0 ? undefined : { path: parent, own: [], above: missing };
  },
  apply: async ({ path }, { cgroupLayout }) => {
    makeCgroup(cgroupLayout(), path);
    return {};
  },
  revert: async ({ own, above }) => {
    for (const folder of own) removeCgroup(folder);
    for (const folder of above.toReversed()) removeFolderIfEmpty(folder);
  },
});
