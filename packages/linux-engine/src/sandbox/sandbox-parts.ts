import type { SandboxRecord } from "@keelson/runtime-core/ports";
import { type CgroupScheme, podCgroup } from "../cgroup/pod-cgroup.ts";
import type { NetworkFacts, NetworkPlan } from "../network/network.ts";
import { type RecordedStep, recordedStep } from "../recorded-step.ts";
import { hostNamespaces, type PinnedNamespaces } from "../spec/namespaces.ts";
import type { NamespacePins } from "../sys/namespace-protocol.ts";
import { type EngineFolders, sandboxPaths } from "./sandbox-paths.ts";
import { attachNetworkName } from "./steps/attach-network.ts";
import { type PinsFacts, type PinsPlan, pinNamespacesName } from "./steps/pin-namespaces.ts";
import { type RunInitFacts, type RunInitPlan, runInitName } from "./steps/run-init.ts";

/** What a container takes over from its sandbox, read from the sandbox's record. */
export interface SandboxParts {
  /** Paths of the pinned namespaces, for the OCI specification; a kind that is absent is the host's. */
  readonly pins: PinnedNamespaces;
  /** The same, for calls into the namespaces. */
  readonly namespaces: NamespacePins;
  /** Bind-mounted to `/etc` and `/dev/shm`. `shm` is absent for a pod in the host's IPC namespace. */
  readonly files: {
    readonly hostname: string;
    readonly hosts: string;
    readonly resolvConf: string;
    readonly shm?: string;
  };
  /** The `cgroup_parent` of the container: the request's own, or ours when it has none. */
  readonly cgroupParent: string;
}

export function sandboxParts(record: SandboxRecord, folders: EngineFolders, cgroups: CgroupScheme): SandboxParts {
  const { files, shm } = sandboxPaths(folders, record.id);
  return {
    pins: sandboxPins(record),
    namespaces: recordedPins(record)?.plan.pins ?? {},
    files: {
      hostname: files.hostname,
      hosts: files.hosts,
      resolvConf: files.resolvConf,
      ...(hostNamespaces(record.config).ipc ? {} : { shm }),
    },
    cgroupParent: podCgroup(cgroups, record.id, record.config.linux?.cgroupParent ?? "").parent,
  };
}

/** Paths of the pinned namespaces; a kind that is absent is the host's. */
export function sandboxPins(record: SandboxRecord): PinnedNamespaces {
  const { net, ipc, uts } = recordedPins(record)?.plan.pins ?? {};
  const init = recordedInit(record);
  return {
    ...(net === undefined ? {} : { network: net }),
    ...(ipc === undefined ? {} : { ipc }),
    ...(uts === undefined ? {} : { uts }),
    ...(init === undefined ? {} : { pid: init.plan.pin }),
  };
}

/** Plan and facts of the pins; undefined when there are none, as after a stop. */
export function recordedPins({ steps }: SandboxRecord): RecordedStep<PinsPlan, PinsFacts> | undefined {
  return recordedStep(steps, pinNamespacesName);
}

/** The first process of a pod with shared process IDs; undefined for others, and when stopped. */
export function recordedInit({ steps }: SandboxRecord): RecordedStep<RunInitPlan, RunInitFacts> | undefined {
  return recordedStep(steps, runInitName);
}

/** Plan and facts of the network; undefined in the host's network, and when stopped. */
export function recordedNetwork({ steps }: SandboxRecord): RecordedStep<NetworkPlan, NetworkFacts> | undefined {
  return recordedStep(steps, attachNetworkName);
}
