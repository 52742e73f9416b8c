import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lastLogTimeNs } from "./last-log-time.ts";

describe("lastLogTimeNs()", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-log-time-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const timeIn = async (text: string): Promise<bigint | undefined> => {
    writeFileSync(join(folder, "log"), text);
    return await lastLogTimeNs(join(folder, "log"));
  };
  const last = BigInt(Date.UTC(2026, 10, 24, 18, 2, 3)) * 1_000_000n + 123_456_789n;

  it("is the last line's, whatever its zone and its text", async () => {
    const first = "2026-11-24T18:00:00.000000001Z stdout F first\n";
    expect(await timeIn(`${first}2026-11-24T18:02:03.123456789Z stdout F last\n`)).toBe(last);
    expect(await timeIn(`${first}2026-11-24T20:02:03.123456789+02:00 stderr P last\n`)).toBe(last);
    expect(await timeIn(`${first}2026-11-24T18:02:03.5Z stdout F \n`)).toBe(last - 123_456_789n + 500_000_000n);
    expect(await timeIn(`${first.repeat(5000)}2026-11-24T18:02:03.123456789Z stdout F ${"x".repeat(8192)}\n`)).toBe(
      last,
    );
  });

  it("is not known of what is no log", async () => {
    for (const text of ["", "\n", "no log\n", "2026-99-99T18:02:03Z stdout F x\n"]) {
      expect(await timeIn(text), JSON.stringify(text)).toBeUndefined();
    }
    expect(await lastLogTimeNs("")).toBeUndefined();
    expect(await lastLogTimeNs(join(folder, "nothing"))).toBeUndefined();
    expect(await lastLogTimeNs(folder)).toBeUndefined();
    symlinkSync(join(folder, "log"), join(folder, "link"));
    expect(await lastLogTimeNs(join(folder, "link"))).toBeUndefined();
  });
});
