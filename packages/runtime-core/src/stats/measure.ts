import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerStatsSchema, CpuUsageSchema, PodSandboxStatsSchema } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers } from "../lookup.ts";
import type { ContainerRecord, SandboxRecord, StatsEngine } from "../ports/index.ts";
import { isRunning } from "../state/states.ts";

/** What a message can be made of, and no message. */
type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { readonly $typeName: string }>;

type ContainerStatsFields = Fields<typeof ContainerStatsSchema>;
type PodSandboxStatsFields = Fields<typeof PodSandboxStatsSchema>;

/** Measures containers. Those that are gone by then are left out. */
export async function measureContainers(
  core: Core,
  engine: StatsEngine,
  records: readonly ContainerRecord[],
): Promise<readonly ContainerStatsFields[]> {
  const figures = await engine.containers(records);
  return records.flatMap((record): ContainerStatsFields[] => {
    const now = core.containers.get(record.id);
    if (now === undefined) return [];
    const { metadata, labels, annotations } = record.config;
    const attributes = { id: record.id, metadata, labels, annotations };
    const { cpu, writableLayer, ...used } = figures.get(record.id) ?? {};
    return [
      {
        attributes,
        ...(writableLayer === undefined ? {} : { writableLayer }),
        // it may have ended while it was measured
        ...(isRunning(now) ? { ...used, ...withRate(core, record.id, cpu) } : {}),
      },
    ];
  });
}

/** Measures sandboxes, with those of their containers that run. Sandboxes that are gone by then are left out. */
export async function measureSandboxes(
  core: Core,
  engine: StatsEngine,
  records: readonly SandboxRecord[],
): Promise<readonly PodSandboxStatsFields[]> {
  const wanted = new Set(records.map(({ id }) => id));
  const containers = visibleContainers(core).filter((one) => wanted.has(one.sandboxId) && isRunning(one));
  const [figures, measured] = await Promise.all([
    engine.sandboxes(records),
    measureContainers(core, engine, containers),
  ]);
  const sandboxOf = new Map(containers.map((one) => [one.id, one.sandboxId]));
  const inside = Map.groupBy(measured, ({ attributes }) => sandboxOf.get(attributes?.id ?? "") ?? "");
  return records.flatMap((record): PodSandboxStatsFields[] => {
    if (core.sandboxes.get(record.id) === undefined) return [];
    const { metadata, labels, annotations } = record.config;
    const { cpu, ...used } = figures.get(record.id) ?? {};
    return [
      {
        attributes: { id: record.id, metadata, labels, annotations },
        linux: { ...used, ...withRate(core, record.id, cpu), containers: [...(inside.get(record.id) ?? [])] },
      },
    ];
  });
}

type Cpu = NonNullable<ContainerStatsFields["cpu"]>;

function withRate(core: Core, id: string, cpu: Cpu | undefined): { readonly cpu?: Fields<typeof CpuUsageSchema> } {
  if (cpu === undefined) return {};
  const { timestamp = 0n, usageCoreNanoSeconds, psi } = cpu;
  const { cpuRates, containers, sandboxes } = core;
  // what was removed is forgotten when it is worth the walk
  if (cpuRates.size > 2 * (containers.size + sandboxes.size) + 16) {
    cpuRates.prune((one) => containers.get(one) !== undefined || sandboxes.get(one) !== undefined);
  }
  const used = usageCoreNanoSeconds?.value;
  const rate = used === undefined ? undefined : cpuRates.next(id, { atNs: timestamp, usedNs: used });
  return {
    cpu: { timestamp, usageCoreNanoSeconds, psi, usageNanoCores: rate === undefined ? undefined : { value: rate } },
  };
}
