import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createSystemClock } from "./system-clock.ts";

function fakeTime() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
}

describe("the system clock", () => {
  it("never goes backwards, also when the machine's does", () => {
    fakeTime();
    const clock = createSystemClock();
    vi.setSystemTime(1_000_000);
    const first = clock.now();
    expect(first).toBe(1_000_000_000_000n);
    vi.setSystemTime(500_000);
    const second = clock.now();
    expect(second).toBeGreaterThan(first);
    vi.setSystemTime(2_000_000);
    expect(clock.now()).toBe(2_000_000_000_000n);
  });

  it("gives no two moments the same time", () => {
    const clock = createSystemClock();
    const times = Array.from({ length: 1000 }, () => clock.now());
    expect(new Set(times).size).toBe(1000);
  });

  it("runs a timer once, unless it is cancelled", () => {
    fakeTime();
    const clock = createSystemClock();
    const ran: string[] = [];
    clock.after(100, () => ran.push("first"));
    const cancelled = clock.after(100, () => ran.push("second"));
    clock.after(2 ** 40, () => ran.push("far"));
    cancelled.cancel();
    cancelled.cancel();
    vi.advanceTimersByTime(100_000);
    expect(ran).toEqual(["first"]);
  });
});
