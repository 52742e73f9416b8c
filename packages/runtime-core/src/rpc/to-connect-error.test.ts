import { CriError, type CriErrorCode, grpcStatus, registryUnavailable } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { toConnectError } from "./to-connect-error.ts";

describe("toConnectError()", () => {
  it.each(Object.keys(grpcStatus) as CriErrorCode[])("gives %s its gRPC status, message and hint", (code) => {
    const error = toConnectError(new CriError(code, "it failed", { hint: "try again" }));
    expect(error.code).toBe(grpcStatus[code]);
    expect(error.rawMessage).toBe("it failed (try again)");
  });

  it("sends an unreachable registry as the kubelet knows it", () => {
    const error = toConnectError(registryUnavailable("pull x: connection refused"));
    expect(error.code).toBe(2);
    expect(error.rawMessage).toBe("RegistryUnavailable: pull x: connection refused");
  });

  it("takes what nobody has categorized for the runtime's own fault", () => {
    const cause = new TypeError("x is not a function");
    const error = toConnectError(cause);
    expect(error.code).toBe(13);
    expect(error.rawMessage).toContain("x is not a function");
    expect(error.cause).toBe(cause);
    expect(toConnectError("text").code).toBe(13);
    expect(toConnectError(undefined).code).toBe(13);
  });

  it("tells an abort from a deadline", () => {
    expect(toConnectError(new DOMException("gone", "AbortError")).code).toBe(1);
    expect(toConnectError(new DOMException("late", "TimeoutError")).code).toBe(4);
  });

  it("makes every message one that the wire takes", () => {
    for (const message of [`${"x".repeat(5000)}😀`, `${"😀".repeat(5000)}`, "half \ud83d", "ünïcödé"]) {
      const { rawMessage } = toConnectError(new CriError("INTERNAL", message));
      expect(() => encodeURIComponent(rawMessage)).not.toThrow();
      expect(rawMessage.length).toBeLessThanOrEqual(4096);
    }
  });

  // T1.10
  it("shows no password and no signature of a URL", () => {
    const url = "https://user:p@ss@host/v2/blob?X-Signature=abc&b=c";
    const { rawMessage } = toConnectError(new CriError("UNKNOWN", `get "${url}": 403`));
    expect(rawMessage).toBe('get "https://[redacted]@host/v2/blob?[redacted]": 403');
  });
});
