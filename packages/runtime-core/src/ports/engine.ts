import type { CheckpointEngine } from "./checkpoint-engine.ts";
import type { ContainerEngine } from "./container-engine.ts";
import type { ImageEngine } from "./image-engine.ts";
import type { Journal } from "./journal.ts";
import type { MetricsEngine } from "./metrics-engine.ts";
import type { NodeEngine } from "./node-engine.ts";
import type { ContainerExit, ContainerRecord, SandboxRecord, StartFacts } from "./records.ts";
import type { SandboxEngine } from "./sandbox-engine.ts";
import type { StatsEngine } from "./stats-engine.ts";
import type { StreamEngine } from "./stream-engine.ts";

/**
 * A set of drivers behind the ports.
 *
 * Life: made by its own factory; `reconcile` once, before any other call, with all records of the last life; then the
 * roles are used; `close` at the end, which harms no running container.
 */
export interface Engine {
  readonly node: NodeEngine;
  readonly sandboxes: SandboxEngine;
  readonly containers: ContainerEngine;
  readonly images: ImageEngine;
  // what an engine may lack: its calls are answered UNIMPLEMENTED then
  readonly streams?: StreamEngine;
  readonly checkpoints?: CheckpointEngine;
  readonly metrics?: MetricsEngine;
  readonly stats?: StatsEngine;
  /**
   * Compares the records with what is really there: adopts what runs, notes what ended, reverts what was not finished,
   * and removes what no record names. Nobody else deletes. From then on `observer` hears of every end.
   */
  reconcile(found: Found, observer: EngineObserver): Promise<Reconciled>;
  close(): Promise<void>;
}

export interface EngineObserver {
  /** A started container has ended. Told once for each; resolved when the end is recorded. */
  containerExited(id: string, exit: ContainerExit): Promise<void>;
  /** A READY sandbox is no longer whole. */
  sandboxLost(id: string, why: string): Promise<void>;
}

export interface Found {
  readonly sandboxes: readonly { readonly record: SandboxRecord; readonly journal: Journal }[];
  readonly containers: readonly { readonly record: ContainerRecord; readonly journal: Journal }[];
}

export interface Reconciled {
  readonly sandboxes: ReadonlyMap<string, SandboxVerdict>;
  readonly containers: ReadonlyMap<string, ContainerVerdict>;
}

/** "same": as recorded. "reverted": nothing of it is left and its record goes. "left": could not be reverted. */
export type SandboxVerdict =
  | { readonly kind: "same" }
  | { readonly kind: "lost"; readonly why: string }
  | { readonly kind: "reverted" }
  | { readonly kind: "left"; readonly why: string };

/** "created": its start was not finished and has been reverted. "running": adopted. */
export type ContainerVerdict =
  | { readonly kind: "same" }
  | { readonly kind: "created" }
  | { readonly kind: "running"; readonly started: StartFacts }
  | { readonly kind: "exited"; readonly exit: ContainerExit; readonly started?: StartFacts }
  | { readonly kind: "reverted" }
  | { readonly kind: "left"; readonly why: string };
