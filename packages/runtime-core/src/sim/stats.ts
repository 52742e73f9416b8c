import type { Clock, ContainerFigures, ContainerRecord, StatsEngine } from "../ports/index.ts";
import type { Faults } from "./faults.ts";
import type { SimulatedProcess } from "./process.ts";
import { turn } from "./turn.ts";
import type { UsageNow } from "./usage-curve.ts";
import type { Life } from "./world.ts";

export interface StatsOptions {
  readonly life: Life;
  readonly clock: Clock;
  readonly faults: Faults;
  /** Hears of what could not be measured. */
  readonly onError: (error: unknown) => void;
}

/** Figures by the scripts of containers: the same script and time give the same figures. */
export function createStats({ life, clock, faults, onError }: StatsOptions): StatsEngine {
  const measure = async (record: ContainerRecord): Promise<readonly [string, ContainerFigures][]> => {
    try {
      await faults.reach("stats.container");
      return [[record.id, containerFigures(record, life.process(record.id), clock.now())]];
    } catch (error) {
      onError(error); // one that can't be measured spoils no other
      return [];
    }
  };
  return {
    async containers(records) {
      await turn();
      return new Map((await Promise.all(records.map(measure))).flat());
    },
    async sandboxes(records) {
      await turn();
      const timestamp = clock.now();
      return new Map(
        records.map(({ id }) => {
          const used = life.processesOf(id).filter(({ exit }) => exit === undefined);
          const usages = used.map((one) => one.usage());
          const sum = (field: Exclude<keyof UsageNow, "cpuNs">): bigint =>
            usages.reduce((total, one) => total + BigInt(one[field]), 0n);
          const cache = sum("cacheBytes");
          const memory = sum("memoryBytes");
          const address = life.held("address", id);
          const network = {
            timestamp,
            defaultInterface: {
              name: "eth0",
              rxBytes: { value: sum("receivedBytes") },
              rxErrors: { value: 0n },
              txBytes: { value: sum("sentBytes") },
              txErrors: { value: 0n },
            },
          };
          return [
            id,
            {
              cpu: { timestamp, usageCoreNanoSeconds: { value: life.cpuNsOf(id) } },
              memory: memoryFigures({ memory, cache, limit: 0n, timestamp }),
              process: { timestamp, processCount: { value: sum("processes") } },
              ...(address === undefined ? {} : { network }),
            },
          ];
        }),
      );
    },
  };
}

function containerFigures(
  record: ContainerRecord,
  process: SimulatedProcess | undefined,
  timestamp: bigint,
): ContainerFigures {
  const usage = process?.usage();
  const writableLayer = {
    timestamp,
    fsId: { mountpoint: "/simulated" },
    usedBytes: { value: BigInt(usage?.writtenBytes ?? 0) },
    inodesUsed: { value: (usage?.writtenBytes ?? 0) > 0 ? 2n : 1n },
  };
  if (usage === undefined || process?.exit !== undefined) return { writableLayer };
  const limit = record.config.linux?.resources?.memoryLimitInBytes ?? 0n;
  const [memory, cache] = [BigInt(usage.memoryBytes), BigInt(usage.cacheBytes)];
  return {
    cpu: { timestamp, usageCoreNanoSeconds: { value: usage.cpuNs } },
    memory: memoryFigures({ memory, cache, limit, timestamp }),
    swap: { timestamp, swapUsageBytes: { value: 0n } },
    writableLayer,
  };
}

interface Memory {
  /** Bytes without the page cache. */
  readonly memory: bigint;
  readonly cache: bigint;
  /** Not above 0: none. */
  readonly limit: bigint;
  readonly timestamp: bigint;
}

function memoryFigures({ memory, cache, limit, timestamp }: Memory): NonNullable<ContainerFigures["memory"]> {
  const available = limit > memory ? limit - memory : 0n;
  return {
    timestamp,
    usageBytes: { value: memory + cache },
    workingSetBytes: { value: memory },
    rssBytes: { value: memory },
    pageFaults: { value: (memory + cache) / 4096n },
    majorPageFaults: { value: 0n },
    ...(limit > 0n ? { availableBytes: { value: available } } : {}),
  };
}
