import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerStatsSchema, LinuxPodSandboxStatsSchema } from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "./records.ts";

/**
 * What containers and sandboxes use, measured now.
 *
 * Life: from `reconcile` to the engine's `close`, at any time, also while what is measured starts, stops or goes. A call
 * changes nothing and is best effort for each of its objects: a figure that can't be had is absent, and nothing about
 * one object fails the call or spoils another. Counters never fall while the object lives. What has ended has no `cpu`,
 * `memory`, `swap` and `io`; its `writableLayer` stays until it is removed.
 *
 * Rates are the core's affair: an engine tells counters with the time at which it read them.
 */
export interface StatsEngine {
  /** Figures by container ID. An object without any may be absent. */
  containers(records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerFigures>>;
  /**
   * Figures by sandbox ID, of the pod as a whole: what its containers use, what it needs itself, and its network. An
   * object without any may be absent.
   */
  sandboxes(records: readonly SandboxRecord[]): Promise<ReadonlyMap<string, SandboxFigures>>;
}

type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { readonly $typeName: string }>;

/** `cpu` without `usage_nano_cores`. */
export type ContainerFigures = Pick<
  Fields<typeof ContainerStatsSchema>,
  "cpu" | "memory" | "swap" | "io" | "writableLayer"
>;

/** `cpu` without `usage_nano_cores`. `network` is absent on the node's own network. */
export type SandboxFigures = Pick<
  Fields<typeof LinuxPodSandboxStatsSchema>,
  "cpu" | "memory" | "io" | "network" | "process"
>;
