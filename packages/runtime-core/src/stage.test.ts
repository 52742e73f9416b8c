import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { Stage } from "./stage.ts";

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

describe("a stage", () => {
  it("says what is waited for, of what, and for how long", () => {
    const stage = new Stage("beginning");
    stage.set("waiting for CNI ADD", `of network "pods"`);
    vi.advanceTimersByTime(1234);
    expect(stage.text).toBe('waiting for CNI ADD of network "pods" for 1.2 s');
    vi.advanceTimersByTime(10_700);
    expect(stage.text).toBe('waiting for CNI ADD of network "pods" for 12 s');
  });

  it("goes on when it is only told anew, and begins again when it changes", () => {
    const stage = new Stage("fetching", "1 of 2");
    vi.advanceTimersByTime(3000);
    stage.set("fetching", () => "2 of 2");
    expect(stage.text).toBe("fetching 2 of 2 for 3.0 s");
    stage.set("naming");
    expect(stage.text).toBe("naming for 0.0 s");
  });

  it("shows what it follows, the longest first, until it no longer does", () => {
    const stage = new Stage("waiting for all");
    const unfollow = [new Stage("one"), new Stage("two"), new Stage("three")].map((other) => stage.follow(other));
    expect(stage.text).toBe("one for 0.0 s (and 2 more)");
    unfollow[0]?.();
    unfollow[0]?.();
    expect(stage.text).toBe("two for 0.0 s (and 1 more)");
    unfollow[1]?.();
    unfollow[2]?.();
    vi.advanceTimersByTime(500);
    expect(stage.text).toBe("waiting for all for 0.5 s");
  });

  it("tells how long each lasted, without its object", () => {
    const told: [string, number][] = [];
    const stage = new Stage("one", "thing", (what, tookMs) => told.push([what, Math.round(tookMs)]));
    vi.advanceTimersByTime(100);
    stage.set("two", "things");
    vi.advanceTimersByTime(20);
    stage.end();
    expect(told).toEqual([
      ["one", 100],
      ["two", 20],
    ]);
  });
});
