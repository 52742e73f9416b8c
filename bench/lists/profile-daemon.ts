// Where the daemon's main thread is while calls are answered, by its own inspector: what `node --cpu-prof` writes, a part
// of the daemon's life at a time.
import { readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { summarizeProfile } from "../client/cpu-profile.ts";
import type { ListProfile } from "./list-result.ts";
import type { Subject } from "./measure-calls.ts";
import type { MeasuredCall } from "./measured-calls.ts";

const openMs = 10_000;
const profiledMs = 1000;
const inFlight = 8;

/** @param logFile where the daemon's standard error goes: Node tells there where the inspector listens */
export async function openDaemonProfiler(pid: number, logFile: string): Promise<DaemonProfiler> {
  process.kill(pid, "SIGUSR1");
  const deadline = Date.now() + openMs;
  for (;;) {
    const url = /Debugger listening on (ws:\S+)/.exec(await readFile(logFile, "utf8"))?.[1];
    if (url !== undefined) return await connect(url);
    if (Date.now() > deadline) throw new Error(`profile ${pid}: no inspector after ${openMs} ms`);
    await delay(50);
  }
}

export interface DaemonProfiler {
  profile(subject: Subject, call: MeasuredCall): Promise<ListProfile>;
  close(): void;
}

async function connect(url: string): Promise<DaemonProfiler> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let last = 0;
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: unknown };
    if (id === undefined) return;
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(JSON.stringify(error)));
    waiting.delete(id);
  });
  socket.addEventListener("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the daemon's inspector has closed"));
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`connect to ${url}: failed`)));
  });
  const post = (method: string, params: object = {}): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>();
    last += 1;
    waiting.set(last, answer);
    socket.send(JSON.stringify({ id: last, method, params }));
    return answer.promise;
  };
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: 200 });
  return {
    profile: async ({ runtime, load }, call) => {
      await post("Profiler.start");
      const slice = await load.perform({ ...call.request[runtime.name], inFlight, durationMs: profiledMs });
      const { profile } = (await post("Profiler.stop")) as { profile: Profiler.Profile };
      const calls = slice.latenciesMs.length;
      return { call: call.name, inFlight, calls, busy: busyShare(profile), summary: summarizeProfile(profile) };
    },
    close: () => socket.close(),
  };
}

function busyShare(profile: Profiler.Profile): number {
  const idle = new Set(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id),
  );
  const deltas = profile.timeDeltas ?? [];
  const all = deltas.reduce((sum, micros) => sum + micros, 0);
  const idleMicros = deltas.reduce(
    (sum, micros, at) => (idle.has(profile.samples?.[at] ?? -1) ? sum + micros : sum),
    0,
  );
  return all === 0 ? 0 : 1 - idleMicros / all;
}
