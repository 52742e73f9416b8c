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
import type { EngineLog } from "../log.ts";
import { cgroupFolder } from "../oci/container-cgroup.ts";
import type { SandboxParts } from "../sandbox/sandbox-parts.ts";
import { recordedNetwork } from "../sandbox/sandbox-parts.ts";
import type { CgroupDriver } from "../spec/index.ts";
import type { Namespaces } from "../sys/namespaces.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { measureCgroup } from "./measure-cgroup.ts";
import { networkFigures } from "./network-figures.ts";
import type { WritableLayers } from "./writable-layers.ts";

export interface StatsEngineOptions {
  /** As at the daemon's start: a hierarchy that is mounted later holds none of our containers. */
  readonly layout: CgroupLayout;
  readonly cgroupDriver: CgroupDriver;
  readonly running: Pick<RunningContainers, "get">;
  readonly writableLayers: Pick<WritableLayers, "usage">;
  readonly namespaces: Pick<Namespaces, "readProcNet">;
  sandboxParts(sandbox: SandboxRecord): SandboxParts;
  readonly log: EngineLog;
}

/** So many objects are read at once: libuv's pool has other work, too. */
const lanes = 4;

/** Figures from cgroups, from the disk usage of writable layers, and from the network namespaces of pods. */
export function createStatsEngine(options: StatsEngineOptions): StatsEngine {
  const { layout, log } = options;

  /** One that can't be read spoils no other. */
  const each = async <R extends { readonly id: string }, F>(
    what: string,
    records: readonly R[],
    measure: (record: R) => Promise<F>,
  ): Promise<ReadonlyMap<string, F>> => {
    const figures = new Map<string, F>();
    const left = records.values();
    const lane = async (): Promise<void> => {
      for (const record of left) {
        try {
          figures.set(record.id, await measure(record));
        } catch (error) {
          log.warn(`statistics of a ${what} could not be read`, { id: record.id, error });
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return figures;
  };

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

/** Undefined on the node's network, when the namespace is gone, and when it can't be read. */
async function measureNetwork(
  record: SandboxRecord,
  { namespaces: { net } }: SandboxParts,
  { namespaces, log }: Pick<StatsEngineOptions, "namespaces" | "log">,
): Promise<SandboxFigures["network"]> {
  if (net === undefined) return undefined;
  try {
    const text = await namespaces.readProcNet(net, "dev");
    return networkFigures(text, recordedNetwork(record)?.plan.interfaceName ?? "eth0", BigInt(Date.now()) * 1_000_000n);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EINVAL"))
      log.warn("the network of a sandbox could not be measured", { id: record.id, error });
    return undefined;
  }
}
