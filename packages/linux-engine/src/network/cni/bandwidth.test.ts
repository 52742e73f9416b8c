import { describe, expect, it } from "vitest";
import { bandwidthOf, parseQuantity } from "./bandwidth.ts";

describe("parseQuantity()", () => {
  it.each<[string, bigint | undefined]>([
    ["10M", 10_000_000n],
    ["1Gi", 1_073_741_824n],
    ["1.5k", 1_500n],
    ["1.5Ki", 1_536n],
    ["0.1m", 1n],
    ["2e3", 2_000n],
    ["2E-1", 1n],
    ["3E", 3_000_000_000_000_000_000n],
    [".5G", 500_000_000n],
    ["5.", 5n],
    ["-1.5k", -1_500n],
    ["+7", 7n],
    ["", undefined],
    [".", undefined],
    ["k", undefined],
    ["1 k", undefined],
    ["1kk", undefined],
    ["0x10", undefined],
    ["1e", undefined],
    ["1e100", undefined],
    ["NaN", undefined],
    [`${"9".repeat(31)}`, undefined],
  ])("reads %j as %s", (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  it("T12.02: takes time in proportion to the text", () => {
    const started = performance.now();
    for (const text of [`${"1".repeat(1_000_000)}x`, `1.${"0".repeat(1_000_000)}`])
      expect(parseQuantity(text)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("bandwidthOf()", () => {
  it("reads the kubelet's annotations", () => {
    expect(bandwidthOf({})).toBeUndefined();
    expect(bandwidthOf({ "kubernetes.io/ingress-bandwidth": "10M" })).toEqual({
      ingressRate: 10_000_000,
      ingressBurst: 4_294_967_295,
    });
    expect(
      bandwidthOf({ "kubernetes.io/ingress-bandwidth": "1k", "kubernetes.io/egress-bandwidth": "1P" }),
    ).toMatchObject({
      ingressRate: 1_000,
      egressRate: 1_000_000_000_000_000,
    });
  });

  it.each(["999", "1001T", "-10M", "fast", ""])("refuses %j", (text) => {
    expect(() => bandwidthOf({ "kubernetes.io/egress-bandwidth": text })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });
});
