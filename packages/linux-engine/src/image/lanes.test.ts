import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Lanes } from "./lanes.ts";

const never = new AbortController().signal;
const turn = (owner: object, signal = never) => ({ owner, signal });

/** Resolves when the signal fires. */
const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });

describe("Lanes", () => {
  test("are given in the order in which they were asked for, one each", async () => {
    const lanes = new Lanes([1, 2], 60_000);
    const began: string[] = [];
    const gates = new Map(["a", "b", "c", "d"].map((name) => [name, Promise.withResolvers<void>()]));
    const all = [...gates].map(([name, { promise }]) =>
      lanes.use(turn({}), async (lane) => {
        began.push(`${name}${lane}`);
        await promise;
      }),
    );
    await delay(0);
    expect(began).toEqual(["a1", "b2"]);
    for (const name of ["b", "a", "c", "d"]) gates.get(name)?.resolve();
    await Promise.all(all);
    expect(began).toEqual(["a1", "b2", "c2", "d1"]);
  });

  test("tell who has held one for long as soon as another owner waits, not before and not for its own", async () => {
    const lanes = new Lanes([1], 1);
    const slow = {};
    let told: AbortSignal | undefined;
    const held = lanes.use(turn(slow), async (_, wanted) => {
      told = wanted;
      await fired(wanted);
      return "gave way";
    });
    const own = lanes.use(turn(slow), async () => "own");
    await delay(20);
    expect(told?.aborted).toBe(false);
    const other = lanes.use(turn({}), async () => "other");
    expect(await Promise.all([held, own, other])).toEqual(["gave way", "own", "other"]);
  });

  test("tell who becomes overdue while another owner waits", async () => {
    const lanes = new Lanes([1], 5);
    const held = lanes.use(turn({}), (_, wanted) => fired(wanted));
    await lanes.use(turn({}), async () => undefined);
    await held;
  });

  test("let go of who gives up waiting, and go on without it", async () => {
    const lanes = new Lanes([1], 60_000);
    const gate = Promise.withResolvers<void>();
    const held = lanes.use(turn({}), () => gate.promise);
    const gone = new AbortController();
    const left = lanes.use(turn({}, gone.signal), async () => "never");
    const late = lanes.use(turn({}), async () => "late");
    gone.abort();
    await expect(left).rejects.toMatchObject({ code: "CANCELED" });
    await expect(lanes.use(turn({}, gone.signal), async () => "never")).rejects.toMatchObject({ code: "CANCELED" });
    gate.resolve();
    await held;
    expect(await late).toBe("late");
  });

  test("are free again after a failure", async () => {
    const lanes = new Lanes([1], 60_000);
    await expect(lanes.use(turn({}), () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await lanes.use(turn({}), async (lane) => lane)).toBe(1);
  });
});
