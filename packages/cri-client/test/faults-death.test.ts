import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectOptions, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MortalRuntime, startMortalRuntime } from "./start-mortal-runtime.ts";

const soonMs = 1000;
const lost = { name: "CriError", code: "UNAVAILABLE", reason: "CONNECTION_LOST" };

let folder: string;
let socket: string;
const ends: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-faults-"));
  socket = join(folder, "cri.sock");
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(folder, { recursive: true });
});

async function start(): Promise<MortalRuntime> {
  const runtime = await startMortalRuntime(socket);
  ends.push(() => runtime.kill());
  return runtime;
}

const connect = (options: Partial<ConnectOptions> = {}) =>
  connectCri({ runtimeEndpoint: socket, timeoutMs: 10_000, backoff: { initialMs: 10, maxMs: 50 }, ...options });

describe("a runtime that is killed", () => {
  it("with 200 calls in flight settles each of them once, typed, within a second", async () => {
    const runtime = await start();
    const cri = await connect();
    let settled = 0;
    const count = <Value>(call: Promise<Value>): Promise<Value> => call.finally(() => settled++);
    const calls = Array.from({ length: 50 }, () => [
      count(cri.runtime.status({})),
      count(cri.runtime.listContainers({})),
      // without a deadline that would end them
      count(cri.images.pullImage({ image: { image: "x".repeat(1000) } })),
      count(cri.runtime.getContainerEvents({})[Symbol.asyncIterator]().next()),
    ]).flat();
    await runtime.waiting(200);
    const results = Promise.allSettled(calls);
    await runtime.kill();
    const died = performance.now();
    for (const result of await results) expect(result).toMatchObject({ status: "rejected", reason: lost });
    expect(performance.now() - died).toBeLessThan(soonMs);
    expect(settled).toBe(200);
    expect(cri.state.runtime.name).toMatch(/lost|redialing/);
    // the file of the socket is still there
    await expect(cri.runtime.version({}, { timeoutMs: 1000 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await rm(socket);
    await start();
    expect(await cri.runtime.version({}, { waitForReady: true, timeoutMs: 10_000 })).toBeDefined();
    cri.close();
  });

  it.each([
    ["for a moment", 200],
    ...(process.env.KEELSON_LONG === "1" ? ([["for a minute", 60_000]] as const) : []),
  ] as const)(
    "and is away %s is ready again with its version; who may wait has noticed nothing",
    async (_, awayMs) => {
      const runtime = await start();
      const states: string[] = [];
      const cri = await connect({
        backoff: {},
        onEvent: (event) => states.push(event.type === "state" ? event.state.name : event.type),
      });
      await runtime.kill();
      await rm(socket);
      const waiting = cri.runtime.version({}, { waitForReady: true });
      const asked = performance.now();
      while (performance.now() - asked < awayMs) {
        await expect(cri.runtime.version({}, { timeoutMs: 5000 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
        await delay(20);
      }
      await start();
      const back = performance.now();
      expect((await waiting).runtimeName).toBe("mortal");
      // the longest pause, with its chance, and a dial
      expect(performance.now() - back).toBeLessThan(3000 * 1.2 + soonMs);
      expect(cri.state.runtime).toEqual({ name: "ready", version: "v1" });
      expect(states.slice(0, 4)).toEqual(["negotiating", "ready", "lost", "redialing"]);
      expect(states.filter((name) => name === "ready")).toHaveLength(2);
      cri.close();
    },
    120_000,
  );
});
