import { describe, expect, test } from "vitest";
import { createFaults, createManualClock, createMemoryStore } from "../src/sim/index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the manual clock", () => {
  test("fires timers at their own times, in order, also those that are set on the way", async () => {
    const clock = createManualClock({ startNs: 0n });
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name} at ${clock.now() / 1_000_000n}`);
    clock.after(30, note("late"));
    clock.after(10, () => {
      note("early")();
      clock.after(5, note("nested"));
    });
    clock.after(30, note("later"));
    clock.after(20, note("cancelled")).cancel();
    await clock.advance(29);
    expect(fired).toEqual(["early at 10", "nested at 15"]);
    expect([clock.now(), clock.pending]).toEqual([29_000_000n, 2]);
    await clock.advance(1);
    expect(fired.slice(2)).toEqual(["late at 30", "later at 30"]);
  });

  test("lets a test wait until a timer is set", async () => {
    const clock = createManualClock();
    const waited = clock.untilPending(2);
    let done = false;
    void waited.then(() => {
      done = true;
    });
    clock.after(1, () => undefined);
    await clock.advance(0);
    expect(done).toBe(false);
    clock.after(1, () => undefined);
    await waited;
  });

  test("never goes backwards", async () => {
    await expect(createManualClock().advance(-1)).rejects.toThrow(RangeError);
  });
});

describe("the memory store", () => {
  test("commits later than the call, several writes at once, in the order of the calls", async () => {
    const store = createMemoryStore();
    const writes = [
      store.put("a", bytes("1")),
      store.put("b", bytes("1")),
      store.put("a", bytes("2")),
      store.delete("b"),
    ];
    expect((await store.load()).size).toBe(0);
    await Promise.all(writes);
    expect([...(await store.load())]).toEqual([["a", bytes("2")]]);
    expect(store.commits).toBe(1);
  });

  test("keeps its own copy of a value", async () => {
    const store = createMemoryStore();
    const buffer = bytes("x");
    const written = store.put("a", buffer);
    buffer[0] = 0;
    await written;
    const loaded = (await store.load()).get("a");
    expect(loaded).toEqual(bytes("x"));
    loaded?.fill(0);
    expect((await store.load()).get("a")).toEqual(bytes("x"));
  });

  test("loses in a crash what was not committed, and in a loss of power what was not flushed", async () => {
    const faults = createFaults();
    const store = createMemoryStore({ faults });
    await store.put("flushed", bytes("1"));
    await store.flush();
    await store.put("committed", bytes("1"));
    const hold = faults.hold("store.commit");
    const lost = expect(store.put("lost", bytes("1"))).rejects.toThrow("killed");
    await hold.arrived(1);
    const next = store.crash();
    expect([...(await next.load()).keys()]).toEqual(["flushed", "committed"]);
    await expect(store.put("late", bytes("1"))).rejects.toThrow("killed");
    hold.release();
    await lost;
    const last = createMemoryStore();
    await last.put("kept", bytes("1"));
    await last.flush();
    await last.put("gone", bytes("1"));
    expect([...(await last.losePower().load()).keys()]).toEqual(["kept"]);
  });

  test("fails a commit as a whole, and goes on", async () => {
    const faults = createFaults();
    const store = createMemoryStore({ faults });
    faults.fail("store.commit", new Error("no space left"));
    const results = await Promise.allSettled([store.put("a", bytes("1")), store.put("b", bytes("1"))]);
    expect(results.map((one) => one.status)).toEqual(["rejected", "rejected"]);
    expect((await store.load()).size).toBe(0);
    await store.put("a", bytes("2"));
    expect((await store.load()).size).toBe(1);
  });

  test("refuses everything after its close, which waits for what was written", async () => {
    const store = createMemoryStore();
    const written = store.put("a", bytes("1"));
    await store.close();
    await store.close();
    await written;
    await expect(store.put("a", bytes("2"))).rejects.toThrow("closed");
    await expect(store.flush()).rejects.toThrow("closed");
  });
});
