import { describe, expect, it } from "vitest";
import type { DiskUsage } from "../snapshots/disk-usage.ts";
import { WritableLayers } from "./writable-layers.ts";

function open(options: { firstWaitMs?: number } = {}) {
  const time = { now: 0 };
  const asked: string[][] = [];
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  const state = { measure: async (key: string): Promise<DiskUsage | undefined> => ({ bytes: key.length, inodes: 1 }) };
  const layers = new WritableLayers({
    snapshots: {
      root: "/root",
      async usage(keys) {
        asked.push([...keys]);
        const found = await Promise.all(keys.map(async (key) => [key, await state.measure(key)] as const));
        return new Map(found.flatMap(([key, usage]) => (usage === undefined ? [] : [[key, usage] as const])));
      },
    },
    log: { debug: log, info: log, warn: log, error: log },
    now: () => time.now,
    ...options,
  });
  return { layers, asked, logged, state, time };
}

describe("WritableLayers", () => {
  it("measures what was never measured before it answers, and answers from memory then", async () => {
    const { layers, asked } = open();
    const first = await layers.usage(["a", "bb"]);
    expect(first.get("bb")).toMatchObject({
      fsId: { mountpoint: "/root" },
      usedBytes: { value: 2n },
      inodesUsed: { value: 1n },
    });
    expect(await layers.usage(["a", "bb"])).toEqual(first);
    expect(asked).toEqual([["a", "bb"]]);
  });

  it("measures in groups, and again only what is old and asked for", async () => {
    const { layers, asked, time } = open();
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);
    expect((await layers.usage(keys)).size).toBe(20);
    expect(asked.map((group) => group.length)).toEqual([16, 4]);
    time.now = 9999;
    await layers.usage(keys);
    time.now = 10_000;
    await layers.usage(["key3"]);
    await layers.close();
    expect(asked.slice(2)).toEqual([["key3"]]);
  });

  it("measures a layer the more rarely the longer that takes", async () => {
    const { layers, asked, state, time } = open();
    state.measure = async () => {
      time.now += 3000;
      return { bytes: 1, inodes: 1 };
    };
    await layers.usage(["a"]);
    for (time.now = 3000; time.now < 63_000; time.now += 1000) await layers.usage(["a"]);
    expect(asked.length).toBe(1);
    await layers.usage(["a"]);
    await layers.close();
    expect(asked.length).toBe(2);
  });

  it("keeps no asker waiting for a large layer, and has its value later", async () => {
    const { layers, state } = open({ firstWaitMs: 10 });
    const large = Promise.withResolvers<DiskUsage>();
    state.measure = () => large.promise;
    expect(await layers.usage(["a"])).toEqual(new Map());
    large.resolve({ bytes: 5, inodes: 6 });
    await large.promise;
    expect((await layers.usage(["a"])).get("a")?.usedBytes).toEqual({ value: 5n });
  });

  it("goes on after a failure with what it knew, and forgets what is gone", async () => {
    const { layers, state, logged, asked, time } = open();
    await layers.usage(["a"]);
    state.measure = () => Promise.reject(new Error("du broke"));
    time.now += 10_000;
    expect((await layers.usage(["a"])).size).toBe(1);
    await layers.usage(["a", "b"]);
    expect(logged).toContain("writable layers could not be measured");
    state.measure = async () => undefined;
    time.now += 10_000;
    await layers.usage(["a", "b"]);
    await layers.close();
    expect((await layers.usage(["a"])).size).toBe(0);
    expect(asked.length).toBeGreaterThan(2);
  });
});
