// What bench/results/lists.json holds.
import type { ProfileSummary } from "../client/cpu-profile.ts";
import type { Circumstances } from "../machine.ts";
import type { Runtime } from "../runtimes.ts";

export interface CallSample {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the runtime with its monitors or shims. */
  readonly cpuMicrosPerCall: number;
  readonly clientCpuMicrosPerCall: number;
}

export interface CallRow {
  /** `ListContainers, 1,000` */
  readonly call: string;
  readonly inFlight: number;
  readonly answerBytes: Readonly<Record<Runtime["name"], number>>;
  /** Over all slices. */
  readonly of: Readonly<Record<Runtime["name"], CallSample>>;
}

export interface MemoryRow {
  /** What each runtime has at that moment. */
  readonly with: string;
  readonly runtimeMiB: Readonly<Record<Runtime["name"], number>>;
  readonly daemonMiB: Readonly<Record<Runtime["name"], number>>;
}

export interface ListProfile {
  readonly call: string;
  readonly inFlight: number;
  readonly calls: number;
  /** How much of the time the main thread did something, 0 to 1. */
  readonly busy: number;
  readonly summary: ProfileSummary;
}

export interface ListResult extends Circumstances {
  readonly slices: number;
  readonly sliceMs: number;
  readonly running: number;
  readonly listed: number;
  readonly rows: readonly CallRow[];
  readonly memory: readonly MemoryRow[];
  /** keelsond's main thread. */
  readonly profiles: readonly ListProfile[];
}
