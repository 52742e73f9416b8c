// What a worker is asked, and what it answers.
import type { ProfileSummary } from "./cpu-profile.ts";

export type Task =
  | { readonly name: "load"; readonly inFlight: number; readonly durationMs: number }
  | { readonly name: "calls"; readonly inFlight: number; readonly calls: number }
  | { readonly name: "profile"; readonly inFlight: number; readonly calls: number }
  | { readonly name: "list"; readonly times: number }
  | { readonly name: "memory" };

export interface LoadSample {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the client's process. */
  readonly cpuMicrosPerCall: number;
}

export interface ListSample {
  /** From the call to its decoded answer. */
  readonly ms: number;
  /** User and system time of the client's process. */
  readonly cpuMs: number;
}

/** After a collection of garbage. */
export interface MemorySample {
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
}

export interface TaskResults {
  readonly load: LoadSample;
  readonly calls: undefined;
  readonly profile: ProfileSummary;
  readonly list: readonly ListSample[];
  readonly memory: MemorySample;
}

/** The first message, without a result, says that the worker is connected. */
export type WorkerMessage = { readonly result: TaskResults[Task["name"]] | undefined } | { readonly failure: string };
