import { describe, expect, it } from "vitest";
import { deadlineMs } from "./deadlines.ts";

const kubelet = { requestTimeoutMs: 120_000, byMethod: {} };

describe("deadlineMs()", () => {
  it.each([
    ["version", {}, 120_000],
    ["listImages", {}, 120_000],
    ["runPodSandbox", {}, 240_000],
    ["stopContainer", { timeout: 30n }, 150_000],
    ["stopContainer", { timeout: -1n }, 120_000],
    ["execSync", { timeout: 10n }, 130_000],
    ["execSync", { timeout: 0n }, undefined],
    ["execSync", { timeout: 2n ** 62n }, 99_999_999],
    ["checkpointContainer", { timeout: 10n }, 120_000],
    ["checkpointContainer", { timeout: 600n }, 600_000],
    ["pullImage", {}, undefined],
    ["getContainerEvents", {}, undefined],
  ])("gives %s with %o what the kubelet gives it", (method, request, ms) =>
    expect(deadlineMs(method, request, kubelet)).toBe(ms),
  );

  it("takes what is set for one method, and 0 for none", () => {
    const deadlines = { requestTimeoutMs: 1000, byMethod: { pullImage: 60_000, version: 0 } };
    expect(deadlineMs("pullImage", {}, deadlines)).toBe(60_000);
    expect(deadlineMs("version", {}, deadlines)).toBeUndefined();
    expect(deadlineMs("status", {}, deadlines)).toBe(1000);
    expect(deadlineMs("status", {}, { requestTimeoutMs: 0, byMethod: {} })).toBeUndefined();
  });
});
