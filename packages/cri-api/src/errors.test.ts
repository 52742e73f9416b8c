import { describe, expect, it, vi } from "vitest";
import { CriError, grpcStatus, isCriError, quote, registryUnavailable, wireMessage } from "./errors.ts";

async function secondCopy(): Promise<typeof import("./errors.ts")> {
  vi.resetModules();
  return import("./errors.ts");
}

describe("CriError", () => {
  it("is told apart by its category, also from another copy of the module", async () => {
    const copy = await secondCopy();
    const error = new copy.CriError("NOT_FOUND", "x");
    expect(error).not.toBeInstanceOf(CriError);
    expect(isCriError(error)).toBe(true);
    expect(isCriError(error, "NOT_FOUND")).toBe(true);
    expect(isCriError(error, "INTERNAL")).toBe(false);
    expect(isCriError(new Error("NOT_FOUND"))).toBe(false);
  });

  it("has one gRPC status for each category, none of them OK", () => {
    const statuses = Object.values(grpcStatus);
    expect(new Set(statuses).size).toBe(statuses.length);
    expect(Math.min(...statuses)).toBe(1);
  });

  it("answers an unreachable registry in the form that the kubelet knows", () => {
    const error = registryUnavailable("dial r:5000: refused", { hint: "start it" });
    expect([error.code, wireMessage(error)]).toEqual([
      "UNKNOWN",
      "RegistryUnavailable: dial r:5000: refused (start it)",
    ]);
  });

  it("bounds what goes over the wire", () => {
    expect(wireMessage(new CriError("UNKNOWN", "x".repeat(1e6)))).toHaveLength(4096);
  });
});

describe("quote()", () => {
  it("shows control characters instead of sending them on, and cuts", () => {
    expect(quote('a\u001b[31m"\n')).toBe('"a\\u001b[31m\\u0022\\u000a"');
    expect(quote("x".repeat(300))).toBe(`"${"x".repeat(200)}…"`);
  });
});
