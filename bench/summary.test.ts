import { describe, expect, it } from "vitest";
import { quantile, summarize } from "./summary.ts";

describe("summarize()", () => {
  it("takes the middle of what was measured, between two where their number is even", () => {
    expect(summarize([9, 1, 5]).medianMs).toBe(5);
    expect(summarize([9, 1, 5, 3]).medianMs).toBe(4);
  });

  it("keeps every sample, in the order in which it was taken", () => {
    expect(summarize([9, 1, 5]).samplesMs).toEqual([9, 1, 5]);
  });

  it("refuses to make something of nothing", () => {
    expect(() => summarize([])).toThrow("no samples");
  });
});

describe("quantile()", () => {
  it("interpolates between neighbours", () => {
    expect(quantile([0, 10], 0.95)).toBe(9.5);
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([1, 2, 3, 4, 5], 1)).toBe(5);
  });
});
