import { describe, expect, it } from "vitest";
import { canArrive } from "./send-stop-signal.ts";

const status = (
  pids: string,
  masks: { readonly caught?: string; readonly blocked?: string; readonly name?: string } = {},
): string =>
  [
    `Name:\t${masks.name ?? "SigCgt: 1"}`,
    `NSpid:\t${pids}`,
    `SigBlk:\t${masks.blocked ?? "0000000000000000"}`,
    "SigIgn:\tffffffffffffffff",
    `SigCgt:\t${masks.caught ?? "0000000000000000"}`,
    "",
  ].join("\n");

describe("a stop signal", () => {
  it("arrives at a first process that catches or blocks it, and is lost at any other first one", () => {
    expect(canArrive(status("4711\t1"), 15)).toBe(false);
    expect(canArrive(status("4711\t1", { caught: "0000000000004000" }), 15)).toBe(true);
    expect(canArrive(status("4711\t1", { blocked: "0000000000004000" }), 15)).toBe(true);
    expect(canArrive(status("4711\t1", { caught: "ffffffffffffbfff", blocked: "ffffffffffffbfff" }), 15)).toBe(false);
    expect(canArrive(status("4711\t1", { caught: "8000000000000000" }), 64)).toBe(true);
    expect(canArrive(status("4711\t1", { caught: "0000000000000001" }), 1)).toBe(true);
  });

  it("waits for the program that takes the place of the OCI runtime's own process, which catches everything", () => {
    const all = { caught: "fffffffffffffeff", name: "runc:[2:INIT]" };
    expect(canArrive(status("4711\t1", all), 15)).toBe(false);
    expect(canArrive(status("4711\t1", { ...all, name: "sh" }), 15)).toBe(true);
    expect(canArrive(status("4711\t1", all), 9)).toBe(true);
  });

  it("arrives at a process that is not the first one of its namespace, and always as SIGKILL or SIGSTOP", () => {
    for (const pids of ["4711", "4711\t11", "4711\t1\t12"]) expect(canArrive(status(pids), 15)).toBe(true);
    for (const signal of [9, 19]) expect(canArrive(status("4711\t1"), signal)).toBe(true);
  });
});
