import type { ContainerConfig, ContainerUser, Mount, PodSandboxConfig, Signal } from "@keelson/cri-api/v1";
import type { Json } from "./json.ts";

/** One effect of an engine, as the record tells it. Without `facts` it was perhaps applied, perhaps not. */
export interface StepRecord {
  readonly name: string;
  readonly plan: Json;
  readonly facts?: Json;
}

/**
 * A pod sandbox. Facts decide its state: no `facts` yet is *in flight* (in no list); `facts` without `stoppedAtNs` and
 * `lost` is READY; anything else NOTREADY. `failed` is set when a create failed and left something behind that a stop
 * or remove has to finish.
 */
export interface SandboxRecord {
  /** 64 lower-case hexadecimal digits. */
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** "" is the default handler. */
  readonly runtimeHandler: string;
  readonly createdAtNs: bigint;
  readonly steps: readonly StepRecord[];
  readonly facts?: SandboxFacts;
  readonly stoppedAtNs?: bigint;
  /** Why a READY sandbox is no longer whole: a pinned namespace went away, the machine was rebooted, its stop has begun. */
  readonly lost?: string;
  readonly failed?: string;
}

/** What a finished create tells of a sandbox. */
export interface SandboxFacts {
  /** The pod's addresses, the primary one first; empty for a pod in the host's network. */
  readonly ips: readonly string[];
}

/**
 * A container: created → running → exited. `facts` is set when its create has finished, `started` when its start has,
 * `exit` when it has ended (also when its start failed: 128, StartError). `failed` is set when a create failed and left
 * something behind, and when the removal of one that never ran has begun: only a remove can follow.
 */
export interface ContainerRecord {
  /** 64 lower-case hexadecimal digits. */
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAtNs: bigint;
  readonly image: ResolvedImage;
  /** The absolute path of the log file; "" without one. */
  readonly logPath: string;
  readonly steps: readonly StepRecord[];
  readonly facts?: ContainerFacts;
  readonly started?: StartFacts;
  readonly exit?: ContainerExit;
  readonly failed?: string;
}

/** What a finished create tells of a container. */
export interface ContainerFacts {
  /** As ContainerStatus shows them. */
  readonly mounts: readonly Mount[];
  readonly user?: ContainerUser;
  /** What a stop sends first: the configuration's signal, else the image's, else SIGTERM. */
  readonly stopSignal?: Signal;
}

export interface StartFacts {
  readonly startedAtNs: bigint;
  /** The container's first process on the host; 0 where there is none. */
  readonly pid: number;
}

export interface ContainerExit {
  /** 0…255; 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly finishedAtNs: bigint;
  readonly reason: ExitReason;
  /** One sentence for people; "" when there is nothing to add. */
  readonly message: string;
}

export type ExitReason = "Completed" | "Error" | "OOMKilled" | "StartError" | "Unknown";

/** An image that is on the node, found by any of its names. */
export interface ResolvedImage {
  /** The image's ID, as Image.id: `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  /** repo@digest where the image has one, else the ID: ContainerStatus.image_ref. */
  readonly ref: string;
}
