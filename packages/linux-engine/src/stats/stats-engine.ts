import { relative } from "node:path";
import type {
  ContainerFigures,
  ContainerRecord,
  SandboxFigures,
  SandboxRecord,
  StatsEngine,
} from "@keelson/runtime-core/ports";
import { slicePath } from "../cgroup/pod-cgroup.ts";
import type { RunningContainers } from "../container/running-containers.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { cgroupFolder } from "../oci/container-cgroup.ts";
import type { SandboxParts } from "../sandbox/sandbox-parts.ts";
import { recordedNetwork } from "../sandbox/sandbox-parts.ts";
import type { CgroupDriver } from "../spec/index.ts";
import { measureCgroup } from "./measure-cgroup.ts";
import { measuringLanes } from "./measuring-lanes.ts";
import { networkFigures } from "./network-figures.ts";
import { type PodNetworkOptions, readPodNetwork } from "./read-pod-network.ts";
import type { WritableLayers } from "./writable-layers.ts";

export interface StatsEngineOptions extends PodNetworkOptions {
  /** As at the daemon's start: a hierarchy that is mounted later holds none of our containers. */
  readonly layout: CgroupLayout;
  readonly cgroupDriver: CgroupDriver;
  readonly running: Pick<RunningContainers, "get">;
  readonly writableLayers: Pick<WritableLayers, "usage">;
  sandboxParts(sandbox: SandboxRecord): SandboxParts;
}

/** Figures from cgroups, from the disk usage of writable layers, and from the network namespaces of pods. */
export function createStatsEngine(options: StatsEngineOptions): StatsEngine {
  const { layout, log } = options;
  const each = measuringLanes(log, "statistics");

  return {
    async containers(records: readonly ContainerRecord[]) {
      const [layers, used] = await Promise.all([
        options.writableLayers.usage(records.map(({ id }) => id)),
        each("container", records, async ({ id }) => {
          const cgroup = options.running.get(id)?.facts.cgroup;
          if (cgroup === undefined) return {};
          const { tasks: _tasks, ...figures } = await measureCgroup(
            layout,
            relative(cgroupFolder(layout, "/"), cgroup),
          );
          return figures;
        }),
      ]);
      return new Map(
        records.map(({ id }): [string, ContainerFigures] => {
          const writableLayer = layers.get(id);
          return [id, { ...used.get(id), ...(writableLayer === undefined ? {} : { writableLayer }) }];
        }),
      );
    },

    sandboxes: (records: readonly SandboxRecord[]) =>
      each("sandbox", records, async (record): Promise<SandboxFigures> => {
        const parts = options.sandboxParts(record);
        const path = options.cgroupDriver === "systemd" ? slicePath(parts.cgroupParent) : parts.cgroupParent;
        const [{ tasks, swap: _swap, ...figures }, network] = await Promise.all([
          measureCgroup(layout, path),
          measureNetwork(record, parts, options),
        ]);
        const timestamp = BigInt(Date.now()) * 1_000_000n;
        return {
          ...figures,
          ...(tasks === undefined ? {} : { process: { timestamp, processCount: { value: tasks } } }),
          ...(network === undefined ? {} : { network }),
        };
      }),
  };
}

async function measureNetwork(
  record: SandboxRecord,
  parts: SandboxParts,
  options: PodNetworkOptions,
): Promise<SandboxFigures["network"]> {
  const text = await readPodNetwork(record, parts, options);
  if (text === undefined) return undefined;
  return networkFigures(text, recordedNetwork(record)?.plan.interfaceName ?? "eth0", BigInt(Date.now()) * 1_000_000n);
}
