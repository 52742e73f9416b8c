import type { Journal } from "@keelson/runtime-core/ports";
import type { CgroupScheme } from "../cgroup/pod-cgroup.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import type { Network } from "../network/network.ts";
import type { Namespaces } from "../sys/namespaces.ts";
import type { EngineFolders } from "./sandbox-paths.ts";

/** What every sandbox is made with. */
export interface SandboxDeps {
  readonly folders: EngineFolders;
  readonly network: Network;
  readonly namespaces: Namespaces;
  readonly cgroups: CgroupScheme;
  /** Read anew for each sandbox: somebody may mount a hierarchy. */
  readonly cgroupLayout: () => CgroupLayout;
}

/** What the steps of one sandbox are made with. */
export interface SandboxTools extends SandboxDeps {
  /** The sandbox's own: a step may look at what else is recorded. */
  readonly journal: Pick<Journal, "steps">;
}
