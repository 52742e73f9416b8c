import { describe, expect, it } from "vitest";
import { usageAt } from "./usage-curve.ts";

const second = 1_000_000_000n;

describe("usageAt()", () => {
  it("adds CPU time up over the spans of a script, and holds other values from their time on", () => {
    const usage = [
      { cpuMillis: 500, memoryBytes: 10 },
      { atMs: 2000, cpuMillis: 2000, writtenBytes: 7 },
      { atMs: 3000, memoryBytes: 20 },
    ];
    expect(usageAt(usage, 0n)).toMatchObject({ cpuNs: 0n, memoryBytes: 10, writtenBytes: 0, processes: 1 });
    expect(usageAt(usage, second)).toMatchObject({ cpuNs: second / 2n, memoryBytes: 10 });
    expect(usageAt(usage, 2n * second)).toMatchObject({ cpuNs: second, memoryBytes: 10, writtenBytes: 7 });
    expect(usageAt(usage, 4n * second)).toMatchObject({ cpuNs: 5n * second, memoryBytes: 20, writtenBytes: 7 });
  });

  it("takes entries in any order, and gives an idle process without any", () => {
    expect(usageAt([{ atMs: 1000, processes: 3 }, { processes: 2 }], second)).toMatchObject({ processes: 3 });
    expect(usageAt([], second)).toEqual({
      cpuNs: second / 1000n,
      memoryBytes: 1024 * 1024,
      cacheBytes: 0,
      writtenBytes: 0,
      processes: 1,
      receivedBytes: 0,
      sentBytes: 0,
      interfaces: [],
      stalled: {
        totalNs: second / 1000n,
        avg10: 0.01,
        avg60: expect.closeTo(0.1 / 60),
        avg300: expect.closeTo(0.1 / 300),
      },
    });
  });

  it("tells how long was waited, all along and over the last seconds", () => {
    const usage = [{ stalledMillis: 0 }, { atMs: 300_000, stalledMillis: 500, interfaces: ["net1"] }];
    expect(usageAt(usage, 300n * second)).toMatchObject({ interfaces: ["net1"], stalled: { totalNs: 0n, avg10: 0 } });
    expect(usageAt(usage, 330n * second).stalled).toEqual({ totalNs: 15n * second, avg10: 50, avg60: 25, avg300: 5 });
  });
});
