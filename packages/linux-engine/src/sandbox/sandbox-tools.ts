import type { Journal } from "@keelson/runtime-core/ports";
import type { CgroupScheme } from "../cgroup/pod-cgroup.ts";
import type { ContainerPaths } from "../container/container-paths.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import type { Network } from "../network/network.ts";
import type { ConmonOptions } from "../oci/conmon.ts";
import type { OciRuntime } from "../oci/oci-runtime.ts";
import type { HostFacts } from "../spec/index.ts";
import type { Namespaces } from "../sys/namespaces.ts";
import type { EngineFolders } from "./sandbox-paths.ts";

/** What the first processes of pods are run with. */
export interface InitTools {
  /** Folders of their own, apart from those of containers; the ID is the sandbox's. */
  readonly paths: ContainerPaths;
  readonly conmon: ConmonOptions;
  /** The OCI runtime of each handler that works here; "" is the default one. */
  readonly runtimes: ReadonlyMap<string, OciRuntime>;
  readonly facts: HostFacts;
  /** The read-only root of all of them. */
  readonly rootfs: string;
  readonly bootId: string;
}

/** What every sandbox is made with. */
export interface SandboxDeps {
  readonly init: InitTools;
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
