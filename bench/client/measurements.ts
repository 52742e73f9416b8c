// One measurement a function: which clients, in which processes, in which order.
import type { ListRow, LoadRow, MemoryRow, ProfileRow } from "./client-result.ts";
import { type ContenderName, contenderNames } from "./contender.ts";
import { startWorker, type Worker } from "./worker-process.ts";

const inFlights = [1, 16, 256] as const;
/** Each client is started so often: what the compiler made of one process is not taken for the client's. */
const launches = 2;
const warmUpMs = 800;
/** The two that are compared; the floor has no memory to keep and decodes nothing. */
const rivals = ["keelson", "grpc-js"] as const;
const memoryInFlight = 16;
const profileInFlight = 16;
const listsATurn = 3;

/** All clients take turns at each number of calls in flight; who is first changes every round. */
export async function measureLoad(socket: string, rounds: number, sliceMs: number): Promise<readonly LoadRow[]> {
  const rows = inFlights.flatMap((inFlight) =>
    contenderNames.map((contender) => ({ inFlight, contender, samples: [] as LoadRow["samples"][number][] })),
  );
  for (let launch = 0; launch < launches; launch++) {
    await using workers = await startWorkers(contenderNames, socket);
    for (const worker of workers.all) {
      for (const inFlight of inFlights) {
        await worker.perform({ name: "load", inFlight, durationMs: warmUpMs / inFlights.length });
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const inFlight of inFlights) {
        for (const worker of turned(workers.all, round)) {
          const sample = await worker.perform({ name: "load", inFlight, durationMs: sliceMs });
          rows.find((row) => row.inFlight === inFlight && row.contender === worker.contender)?.samples.push(sample);
        }
      }
    }
  }
  return rows;
}

/** A process each: connected, then after so many calls and twice as many. */
export async function measureMemory(socket: string, calls: number): Promise<readonly MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const contender of rivals) {
    await using worker = await startWorker(contender, socket);
    const samples = [{ calls: 0, ...(await worker.perform({ name: "memory" })) }];
    for (const after of [calls, 2 * calls]) {
      await worker.perform({ name: "calls", inFlight: memoryInFlight, calls });
      samples.push({ calls: after, ...(await worker.perform({ name: "memory" })) });
    }
    rows.push({ contender, samples });
  }
  return rows;
}

export async function profileCalls(socket: string, calls: number): Promise<readonly ProfileRow[]> {
  const rows: ProfileRow[] = [];
  for (const contender of rivals) {
    await using worker = await startWorker(contender, socket);
    await worker.perform({ name: "calls", inFlight: profileInFlight, calls: calls / 4 });
    const summary = await worker.perform({ name: "profile", inFlight: profileInFlight, calls });
    rows.push({ contender, inFlight: profileInFlight, calls, summary });
  }
  return rows;
}

export async function measureLists(socket: string, rounds: number): Promise<readonly ListRow[]> {
  const rows = contenderNames.map((contender) => ({ contender, samples: [] as ListRow["samples"][number][] }));
  await using workers = await startWorkers(contenderNames, socket);
  for (let round = 0; round < rounds; round++) {
    for (const worker of turned(workers.all, round)) {
      const samples = await worker.perform({ name: "list", times: listsATurn });
      rows.find((row) => row.contender === worker.contender)?.samples.push(...samples);
    }
  }
  return rows;
}

interface Workers extends AsyncDisposable {
  readonly all: readonly Worker[];
}

async function startWorkers(names: readonly ContenderName[], socket: string): Promise<Workers> {
  const all: Worker[] = [];
  const close = async (): Promise<void> => {
    for (const worker of all) await worker.close();
  };
  try {
    for (const name of names) all.push(await startWorker(name, socket));
  } catch (error) {
    await close();
    throw error;
  }
  return { all, [Symbol.asyncDispose]: close };
}

function turned<Item>(items: readonly Item[], round: number): readonly Item[] {
  return round % 2 === 0 ? items : items.toReversed();
}
