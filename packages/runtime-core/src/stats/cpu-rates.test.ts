import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CpuRates } from "./cpu-rates.ts";

const second = 1_000_000_000n;

describe("CpuRates", () => {
  it("has no rate at the first sample, and CPU time per second from the second on", () => {
    const rates = new CpuRates();
    expect(rates.next("a", { atNs: 10n * second, usedNs: 5n * second })).toBeUndefined();
    expect(rates.next("a", { atNs: 12n * second, usedNs: 6n * second })).toBe(second / 2n);
    expect(rates.next("b", { atNs: 12n * second, usedNs: 6n * second })).toBeUndefined();
    expect(rates.next("a", { atNs: 13n * second, usedNs: 8n * second })).toBe(2n * second);
  });

  it("answers the last rate to a second asker at once, and measures on from the older sample", () => {
    const rates = new CpuRates();
    rates.next("a", { atNs: 0n, usedNs: 0n });
    expect(rates.next("a", { atNs: 1n, usedNs: 99n })).toBeUndefined();
    expect(rates.next("a", { atNs: second, usedNs: second })).toBe(second);
    expect(rates.next("a", { atNs: second + 99_999_999n, usedNs: second * 2n })).toBe(second);
    expect(rates.next("a", { atNs: second * 2n, usedNs: second * 3n })).toBe(second * 2n);
  });

  it("begins anew when a counter falls or a clock is set back", () => {
    const rates = new CpuRates();
    rates.next("a", { atNs: second, usedNs: second });
    expect(rates.next("a", { atNs: 2n * second, usedNs: 1n })).toBeUndefined();
    expect(rates.next("a", { atNs: 3n * second, usedNs: second + 1n })).toBe(second);
    expect(rates.next("a", { atNs: second, usedNs: 2n * second })).toBeUndefined();
  });

  it("forgets what is gone", () => {
    const rates = new CpuRates();
    for (const id of ["a", "b"]) rates.next(id, { atNs: 0n, usedNs: 0n });
    rates.prune((id) => id === "b");
    expect(rates.size).toBe(1);
    expect(rates.next("a", { atNs: second, usedNs: second })).toBeUndefined();
  });

  it("never invents CPU time: rates times spans are at most what was counted", () => {
    const samples = fc.array(fc.record({ span: fc.bigInt(1n, 10n * second), used: fc.bigInt(0n, 64n * second) }));
    fc.assert(
      fc.property(samples, (steps) => {
        const rates = new CpuRates();
        let [atNs, usedNs, lastAt, told] = [0n, 0n, 0n, 0n];
        rates.next("a", { atNs, usedNs });
        for (const { span, used } of steps) {
          atNs += span;
          usedNs += used;
          const rate = rates.next("a", { atNs, usedNs });
          if (atNs - lastAt < 100_000_000n) continue;
          told += ((rate ?? 0n) * (atNs - lastAt)) / second;
          lastAt = atNs;
        }
        expect(told).toBeLessThanOrEqual(usedNs);
      }),
    );
  });
});
