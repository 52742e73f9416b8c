import type { ContainerRecord, SandboxRecord } from "./records.ts";

/**
 * Checkpoints of what runs. A verb that is not there is answered UNIMPLEMENTED. What a verb writes is complete when it
 * returns, and gone when it throws; all processes run on in both cases.
 */
export interface CheckpointEngine {
  /** Writes one running container to a tar archive that only root may read. */
  container?(record: ContainerRecord, request: CheckpointContainer): Promise<void>;
  /** Writes running containers of one READY sandbox, as they are at one moment, into an empty folder. */
  pod?(record: SandboxRecord, containers: readonly ContainerRecord[], request: CheckpointPod): Promise<void>;
}

export interface CheckpointContainer {
  /** Absolute. */
  readonly path: string;
  /** Undefined: the engine's own limit. */
  readonly timeoutMs: number | undefined;
  /** Fires when the caller goes. */
  readonly signal: AbortSignal;
}

export interface CheckpointPod {
  /** Absolute. */
  readonly folder: string;
  /** An unknown one is refused with INVALID_ARGUMENT. */
  readonly options: Readonly<Record<string, string>>;
  /** Fires when the caller goes. */
  readonly signal: AbortSignal;
}
