import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Journal } from "./journal.ts";
import type { Json } from "./json.ts";
import type { SandboxFacts, SandboxRecord } from "./records.ts";
import type { Progress, Task } from "./task.ts";

/**
 * What the containers of one pod share. Where it lives (namespaces and CNI, a virtual machine, another computer) is the
 * engine's own affair.
 *
 * Life: `admit`, then `create`, then perhaps `stop` (several times), then `remove`. After a crash `reconcile` of
 * {@link Engine} gets every record; nothing else deletes.
 */
export interface SandboxEngine {
  /**
   * Default deny: looks at a configuration and changes nothing.
   * @throws FAILED_PRECONDITION naming the first field that asks for more than the engine keeps; INVALID_ARGUMENT for
   *   values that mean nothing; NOT_FOUND for a runtime handler that is not configured
   */
  admit(config: PodSandboxConfig, runtimeHandler: string): void;
  /**
   * Makes the sandbox, step by step into the journal.
   * @throws what the step threw when all that was noted has been reverted; LeftBehind when not
   */
  create(record: SandboxRecord, journal: Journal, task: Task): Promise<SandboxFacts>;
  /** Gives network and namespaces back. All containers have ended before. Idempotent; may be called on a half-made one. */
  stop(record: SandboxRecord, journal: Journal, progress?: Progress): Promise<void>;
  /** Gives everything else back. All containers have been removed before. Idempotent. */
  remove(record: SandboxRecord, journal: Journal, progress?: Progress): Promise<void>;
  /**
   * Hears that `overhead` and `resources` of `record.config` have changed, which are recorded by then. An engine that
   * sizes nothing by them does without it.
   */
  updateResources?(record: SandboxRecord): Promise<void>;
  /** What PodSandboxStatus shows under `info` when it is asked for it: JSON by key. */
  inspect(record: SandboxRecord): Promise<Readonly<Record<string, Json>>>;
}
