// One client in a process of its own: it does what its parent asks, one task at a time.
// usage, by fork: worker.ts CONTENDER SOCKET
import { Session } from "node:inspector/promises";
import process from "node:process";
import { quantile } from "../summary.ts";
import { type Contender, contenderNames, openContender } from "./contender.ts";
import { summarizeProfile } from "./cpu-profile.ts";
import type { LoadSample, MemorySample, Task, TaskResults, WorkerMessage } from "./worker-protocol.ts";

const [wanted, socket] = process.argv.slice(2);
const name = contenderNames.find((one) => one === wanted);
if (name === undefined || socket === undefined) throw new Error(`usage: worker.ts ${contenderNames.join("|")} SOCKET`);

const send = (message: WorkerMessage): void => {
  process.send?.(message);
};
const contender = await openContender(name, socket);
await contender.version();
process.on("message", (task: Task) => {
  perform(task).then(
    (result) => send({ result }),
    (error: unknown) => send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.once("disconnect", () => {
  contender.close();
  process.exit(); // whatever a client leaves open
});
send({ result: undefined });

async function perform(task: Task): Promise<TaskResults[Task["name"]]> {
  switch (task.name) {
    case "load":
      return load(contender, task.inFlight, task.durationMs);
    case "calls":
      return calls(contender, task.inFlight, task.calls);
    case "profile":
      return profiled(() => calls(contender, task.inFlight, task.calls));
    case "list":
      return list(contender, task.times);
    case "memory":
      return memory();
  }
}

/** Keeps so many calls in flight for a while: each that is answered is followed by the next at once. */
async function load(of: Contender, inFlight: number, durationMs: number): Promise<LoadSample> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + durationMs;
  const lane = async (): Promise<void> => {
    for (let before = performance.now(); before < end; ) {
      await of.version();
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - begin) / 1000;
  return {
    callsPerSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicrosPerCall: cpuMicros(cpu) / latencies.length,
  };
}

async function calls(of: Contender, inFlight: number, count: number): Promise<undefined> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await of.version();
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

async function profiled(work: () => Promise<unknown>): Promise<TaskResults["profile"]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return summarizeProfile(profile);
}

async function list(of: Contender, times: number): Promise<TaskResults["list"]> {
  const samples: { ms: number; cpuMs: number }[] = [];
  for (let index = 0; index < times; index++) {
    const cpu = process.cpuUsage();
    const before = performance.now();
    await of.listContainers();
    samples.push({ ms: performance.now() - before, cpuMs: cpuMicros(cpu) / 1000 });
  }
  return samples;
}

/** What is left after everything that nobody holds was collected. */
async function memory(): Promise<MemorySample> {
  if (globalThis.gc === undefined) throw new Error("memory: start the worker with --expose-gc");
  for (let index = 0; index < 3; index++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssMiB: rss / 1024 ** 2, heapMiB: heapUsed / 1024 ** 2, externalMiB: external / 1024 ** 2 };
}

function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}
