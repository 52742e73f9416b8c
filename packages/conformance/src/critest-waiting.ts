import type { CritestCase } from "./critest-cases.ts";

/** What a case of critest waits for before it has a counterpart here. */
export type Awaited =
  /** Profiles that the kernel of the node has loaded. */
  | "AppArmor"
  | "streaming"
  | "node resource interface"
  /** A registry that can be told to be slow. */
  | "a slow registry";

const appArmor = "[k8s.io] AppArmor runtime should";
const streaming = "[k8s.io] Streaming runtime should support streaming interfaces runtime should support";
const nri = "[k8s.io] NRI";

/** Cases of critest that have no counterpart yet, each with what it waits for. */
export const critestWaiting: Readonly<Partial<Record<CritestCase, Awaited>>> = {
  [`${appArmor} support deprecated apparmor_profile field should enforce a apparmor_profile blocking writes`]:
    "AppArmor",
  [`${appArmor} support deprecated apparmor_profile field should enforce a permissive deprecated profile`]: "AppArmor",
  [`${appArmor} support apparmor field should enforce a apparmor_profile blocking writes`]: "AppArmor",
  [`${appArmor} support apparmor field should enforce a permissive deprecated profile`]: "AppArmor",
  [`${appArmor} prefer new apparmor field should enforce a apparmor_profile blocking writes`]: "AppArmor",
  [`${appArmor} prefer new apparmor field should work with apparmor profile`]: "AppArmor",
  "[k8s.io] Image Manager public image should timeout if requested [Conformance] [Serial]": "a slow registry",
  [`${nri} pod sandbox lifecycle should receive RunPodSandbox, StopPodSandbox, and RemovePodSandbox in strict order with correct metadata [Serial]`]:
    "node resource interface",
  [`${nri} container lifecycle should receive CreateContainer, StartContainer, StopContainer, and RemoveContainer in strict order with correct metadata [Serial]`]:
    "node resource interface",
  [`${nri} container lifecycle (failed container) should receive CreateContainer, StartContainer, StopContainer, and RemoveContainer for a container that exits with a non-zero code [Serial]`]:
    "node resource interface",
  [`${nri} RunPodSandbox contract should not expose sandbox while RunPodSandbox hook is in progress [Serial]`]:
    "node resource interface",
  [`${nri} RunPodSandbox contract should not start workload containers until RunPodSandbox hook completes [Serial]`]:
    "node resource interface",
  [`${nri} RunPodSandbox contract should fail RunPodSandbox and clean up when the NRI hook errors, then allow retry [Serial]`]:
    "node resource interface",
  [`${nri} StopPodSandbox contract should stop all workload containers and keep sandbox accessible while StopPodSandbox hook is in progress [Serial]`]:
    "node resource interface",
  [`${nri} StopPodSandbox contract should handle StopPodSandbox idempotently and never reuse sandbox [Serial]`]:
    "node resource interface",
  [`${nri} CreateContainer contract should not expose container while CreateContainer hook is in progress [Serial]`]:
    "node resource interface",
  [`${nri} CreateContainer contract should fail CreateContainer when the NRI hook errors, leak nothing, and allow retry [Serial]`]:
    "node resource interface",
  [`${nri} plugin synchronization should synchronize a newly connected plugin with existing pods and containers [Serial]`]:
    "node resource interface",
  [`${nri} plugin synchronization should receive a callback for container created during the Synchronize call [Serial]`]:
    "node resource interface",
  [`${nri} plugin synchronization should receive information about all containers without the race condition during initialization [Serial]`]:
    "node resource interface",
  [`${streaming} portforward in host network`]: "streaming",
  [`${streaming} exec with tty=false and stdin=false [Conformance]`]: "streaming",
  [`${streaming} exec with tty=true and stdin=true [Conformance]`]: "streaming",
  [`${streaming} attach [Conformance]`]: "streaming",
  [`${streaming} portforward [Conformance]`]: "streaming",
};
