import type { ContainerConfig } from "@keelson/cri-api/v1";
import type { Journal } from "./journal.ts";
import type { Json } from "./json.ts";
import type { ContainerFacts, ContainerRecord, SandboxRecord, StartFacts } from "./records.ts";
import type { Progress, Task } from "./task.ts";

/**
 * Containers in a sandbox.
 *
 * Life: `admit`, `create`, `start`, then it runs until it ends or `signal` ends it; the engine tells its end once
 * through {@link EngineObserver.containerExited}; then `remove`. A container that was never started is removed without
 * an end. `updateResources` comes between `create` and the end, never beside `start` or `remove` of the same container.
 */
export interface ContainerEngine {
  /**
   * Default deny: looks at a configuration and changes nothing.
   * @throws FAILED_PRECONDITION naming the first field that asks for more than the engine keeps; INVALID_ARGUMENT
   */
  admit(config: ContainerConfig, sandbox: SandboxRecord): void;
  /**
   * Makes the container without running it. The engine keeps the image's content until `remove`.
   * @throws what the step threw when all that was noted has been reverted; LeftBehind when not
   */
  create(record: ContainerRecord, sandbox: SandboxRecord, journal: Journal, task: Task): Promise<ContainerFacts>;
  /**
   * Runs it. From now on the engine watches for its end, also after a restart of the runtime.
   * @throws when it could not be run; no process of it is left then
   */
  start(record: ContainerRecord, sandbox: SandboxRecord, journal: Journal, task: Task): Promise<StartFacts>;
  /**
   * Sends its stop signal (the configuration's, else the image's, else SIGTERM), or ends every process of it at once.
   * Returns when the signal is sent; the end is told by the observer. Succeeds when it has already ended.
   */
  signal(record: ContainerRecord, signal: "stop" | "kill"): Promise<void>;
  /** Gives everything back. Idempotent. The container does not run (the core has ended it before). */
  remove(record: ContainerRecord, journal: Journal, progress?: Progress): Promise<void>;
  /**
   * Runs a command in the running container and collects its output.
   * @throws NOT_FOUND when the command is not in the container; DEADLINE_EXCEEDED after `timeoutMs` (then no process of
   *   the command is left); FAILED_PRECONDITION when the container does not run
   */
  exec(record: ContainerRecord, request: ExecRequest): Promise<ExecResult>;
  /**
   * Goes on in a new log file at the record's `logPath`, after the caller has renamed the old one; no line is lost or
   * written twice. Where nobody has renamed it the file stays as it is. Called while a stop waits, too, and once at a
   * time for each container. `sandbox` is undefined when it has no record any more. An engine without it writes no log
   * files, and ReopenContainerLog is answered UNIMPLEMENTED.
   * @throws FAILED_PRECONDITION when the container does not run, or when something is in the way; then there is no new
   *   file
   */
  reopenLog?(record: ContainerRecord, sandbox: SandboxRecord | undefined): Promise<void>;
  /**
   * Makes the resources of `record.config` hold, which `admit` has passed: at once where the container runs, else with
   * its start. Idempotent. An engine without it can't change limits, and UpdateContainerResources is answered
   * UNIMPLEMENTED.
   * @throws FAILED_PRECONDITION when it has ended; when it throws, the resources are as before
   */
  updateResources?(record: ContainerRecord): Promise<void>;
  /** What ContainerStatus shows under `info` when it is asked for it: JSON by key. */
  inspect(record: ContainerRecord): Promise<Readonly<Record<string, Json>>>;
}

export interface ExecRequest {
  readonly command: readonly string[];
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** Fires when the caller goes: the command ends with its caller. */
  readonly signal: AbortSignal;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}
