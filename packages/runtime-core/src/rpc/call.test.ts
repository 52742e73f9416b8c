import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Stage } from "../stage.ts";
import { openCall } from "./call.ts";

function open(timeoutMs: number | undefined, signal = new AbortController().signal) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const call = openCall({ rpc: "RunPodSandbox", version: "v1", timeoutMs, signal });
  onTestFinished(() => call.close());
  return call;
}

describe("a call", () => {
  it("ends 200 ms before the caller's deadline, with the stage that it is in", async () => {
    const call = open(10_000);
    call.stage("waiting for CNI ADD");
    vi.advanceTimersByTime(9799);
    expect(call.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    await expect(call.gone).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: "RunPodSandbox: deadline reached while waiting for CNI ADD for 9.8 s",
      hint: undefined,
    });
    expect(call.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("shows the stage of what it follows, as it is by then", async () => {
    const call = open(1000);
    const stage = new Stage("beginning");
    call.follow(stage);
    stage.follow(new Stage("waiting for the network"));
    vi.advanceTimersByTime(800);
    await expect(call.gone).rejects.toMatchObject({
      message: "RunPodSandbox: deadline reached while waiting for the network for 0.8 s",
      hint: expect.stringContaining("joins"),
    });
  });

  it("gives a short deadline half of its time", () => {
    const call = open(100);
    vi.advanceTimersByTime(49);
    expect(call.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(call.signal.aborted).toBe(true);
  });

  it.each([0, -5])("with a deadline of %d ms has none left", (timeoutMs) => {
    const call = open(timeoutMs, AbortSignal.abort());
    expect(call.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("takes a deadline that no timer can hold", () => {
    const call = open(2 ** 45);
    vi.advanceTimersByTime(1_000_000);
    expect(call.signal.aborted).toBe(false);
  });

  it("ends with its caller", async () => {
    const caller = new AbortController();
    const call = open(undefined, caller.signal);
    call.stage("pulling");
    caller.abort();
    await expect(call.gone).rejects.toMatchObject({
      code: "CANCELED",
      message: "RunPodSandbox: the caller went while pulling for 0.0 s",
    });
  });

  it("is over at once for a caller that has gone before", () => {
    expect(open(undefined, AbortSignal.abort()).signal.reason).toMatchObject({ code: "CANCELED" });
  });

  it("leaves no timer when it is closed", () => {
    const call = open(1000);
    expect(vi.getTimerCount()).toBe(1);
    call.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
