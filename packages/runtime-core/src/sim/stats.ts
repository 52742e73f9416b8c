import type { Clock, ContainerFigures, ContainerRecord, StatsEngine } from "../ports/index.ts";
import type { Faults } from "./faults.ts";
import type { SimulatedProcess } from "./process.ts";
import { turn } from "./turn.ts";
import type { Stalled, UsageNow } from "./usage-curve.ts";
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
          const sum = (field: Exclude<keyof UsageNow, "cpuNs" | "interfaces" | "stalled">): bigint =>
            usages.reduce((total, one) => total + BigInt(one[field]), 0n);
          const cache = sum("cacheBytes");
          const memory = sum("memoryBytes");
          const address = life.held("address", id);
          const network = {
            timestamp,
            defaultInterface: interfaceFigures("eth0", sum("receivedBytes"), sum("sentBytes")),
            interfaces: usages.flatMap(({ interfaces }) => interfaces.map((name) => interfaceFigures(name, 0n, 0n))),
          };
          const { cpuNs, stalledNs } = life.spentBy(id);
          const psi = pressure(usages.map(({ stalled }) => stalled).reduce(both, { ...calm, totalNs: stalledNs }));
          return [
            id,
            {
              cpu: { timestamp, usageCoreNanoSeconds: { value: cpuNs }, psi },
              memory: memoryFigures({ memory, cache, limit: 0n, timestamp, psi }),
              io: { timestamp, psi },
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
  const swapLimit = record.config.linux?.resources?.memorySwapLimitInBytes ?? 0n;
  const [memory, cache] = [BigInt(usage.memoryBytes), BigInt(usage.cacheBytes)];
  const psi = pressure(usage.stalled);
  return {
    cpu: { timestamp, usageCoreNanoSeconds: { value: usage.cpuNs }, psi },
    memory: memoryFigures({ memory, cache, limit, timestamp, psi }),
    swap: {
      timestamp,
      swapUsageBytes: { value: 0n },
      // the limit counts memory, too
      ...(limit > 0n && swapLimit >= limit ? { swapAvailableBytes: { value: swapLimit - limit } } : {}),
    },
    io: { timestamp, psi },
    writableLayer,
  };
}

function interfaceFigures(name: string, received: bigint, sent: bigint) {
  return {
    name,
    rxBytes: { value: received },
    rxErrors: { value: 0n },
    txBytes: { value: sent },
    txErrors: { value: 0n },
  };
}

const calm: Stalled = { totalNs: 0n, avg10: 0, avg60: 0, avg300: 0 };

/** Two waits, which add up to no more than all of the time. The total is the first one's. */
function both(one: Stalled, other: Stalled): Stalled {
  const sum = (window: "avg10" | "avg60" | "avg300"): number => Math.min(one[window] + other[window], 100);
  return { totalNs: one.totalNs, avg10: sum("avg10"), avg60: sum("avg60"), avg300: sum("avg300") };
}

/** The same for CPU, memory and disks; a simulated process waits alone, so that some wait is all wait. */
function pressure({ totalNs, avg10, avg60, avg300 }: Stalled) {
  const waited = { Total: totalNs, Avg10: avg10, Avg60: avg60, Avg300: avg300 };
  return { Some: waited, Full: waited };
}

interface Memory {
  /** Bytes without the page cache. */
  readonly memory: bigint;
  readonly cache: bigint;
  /** Not above 0: none. */
  readonly limit: bigint;
  readonly timestamp: bigint;
  readonly psi: ReturnType<typeof pressure>;
}

function memoryFigures({ memory, cache, limit, timestamp, psi }: Memory): NonNullable<ContainerFigures["memory"]> {
  const available = limit > memory ? limit - memory : 0n;
  return {
    timestamp,
    usageBytes: { value: memory + cache },
    workingSetBytes: { value: memory },
    rssBytes: { value: memory },
    pageFaults: { value: (memory + cache) / 4096n },
    majorPageFaults: { value: 0n },
    psi,
    ...(limit > 0n ? { availableBytes: { value: available } } : {}),
  };
}
