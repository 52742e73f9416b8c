import { expect, it } from "vitest";
import { exitReport } from "./exit-report.ts";

const facts = { oomKilled: false, startedAtNs: 100n, noticedAtNs: 900n, why: "nobody knows" };

it("exitReport() tells the code and the file's time", () => {
  const file = { code: 0, finishedAtNs: 500n };
  expect(exitReport({ ...facts, file })).toEqual({ code: 0, finishedAtNs: 500n, reason: "Completed", message: "" });
  expect(exitReport({ ...facts, file: { ...file, code: 7 } })).toMatchObject({ code: 7, reason: "Error" });
});

it("exitReport() tells OOMKilled only of what failed", () => {
  const killed = { ...facts, oomKilled: true };
  expect(exitReport({ ...killed, file: { code: 137, finishedAtNs: 500n } }).reason).toBe("OOMKilled");
  expect(exitReport({ ...killed, file: { code: 0, finishedAtNs: 500n } }).reason).toBe("Completed");
});

it("exitReport() is 255 Unknown where nobody wrote down the end", () => {
  const unknown = { code: 255, reason: "Unknown", message: "nobody knows" };
  expect(exitReport({ ...facts, file: undefined })).toEqual({ ...unknown, finishedAtNs: 900n });
  expect(exitReport({ ...facts, file: { code: undefined, finishedAtNs: 500n } })).toEqual({
    ...unknown,
    finishedAtNs: 500n,
  });
});

it("exitReport() ends nothing before its last log line, unless the clock was set back", () => {
  const file = { code: 1, finishedAtNs: 4_000_000_000n };
  const finishedAtNs = (lastLogNs: bigint): bigint => exitReport({ ...facts, file, lastLogNs }).finishedAtNs;
  expect(finishedAtNs(4_003_999_999n)).toBe(4_003_999_999n);
  expect(finishedAtNs(3_999_999_999n)).toBe(4_000_000_000n);
  expect(finishedAtNs(9_000_000_000n)).toBe(4_000_000_000n);
});

it("exitReport() ends nothing before it started", () => {
  expect(exitReport({ ...facts, file: { code: 1, finishedAtNs: 99n } }).finishedAtNs).toBe(100n);
  expect(exitReport({ ...facts, file: undefined, noticedAtNs: 1n }).finishedAtNs).toBe(100n);
});
