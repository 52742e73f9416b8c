import { describe, expect, it } from "vitest";
import { KeyedLock } from "./keyed-lock.ts";

describe("KeyedLock", () => {
  it("keeps the order of one key and does not hold up another", async () => {
    const lock = new KeyedLock();
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = lock.run("a", async () => {
      await gate.promise;
      order.push("a1");
    });
    const second = lock.run("a", async () => order.push("a2"));
    await lock.run("b", async () => order.push("b"));
    gate.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(["b", "a1", "a2"]);
  });

  it("goes on after a failure and forgets keys that nobody holds", async () => {
    const lock = new KeyedLock();
    await expect(lock.run("a", () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(await lock.run("a", async () => 1)).toBe(1);
    expect(lock.size).toBe(0);
  });
});
