import { describe, expect, it } from "vitest";
import { age, bytes, duration, shortId } from "./units.ts";

describe("units for people", () => {
  it.each([
    [0n, "0 B"],
    [999n, "999 B"],
    [1000n, "1.0 kB"],
    [4_140_000n, "4.1 MB"],
    [12_000_000_000_000_000n, "12000.0 TB"],
  ])("bytes(%s) is %s", (count, text) => {
    expect(bytes(count)).toBe(text);
  });

  it.each([
    [0.4, "0 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [1400, "1.4 s"],
    [59_940, "59.9 s"],
    [59_990, "1 min 0 s"],
    [200_000, "3 min 20 s"],
  ])("duration(%s) is %s", (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  it.each([
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [7200, "2h"],
    [172_800, "2d"],
    [-5, "0s"],
  ])("age() of %s seconds is %s", (seconds, text) => {
    const now = 1_764_000_000;
    expect(age(BigInt(now - seconds) * 1_000_000_000n, now * 1000)).toBe(text);
  });

  it("shortId() cuts IDs and digests as crictl does", () => {
    expect(shortId(`sha256:${"ab".repeat(32)}`)).toBe("abababababab" + "a");
    expect(shortId("0123456789abcdef")).toBe("0123456789abc");
  });
});
