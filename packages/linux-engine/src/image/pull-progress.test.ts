import { silentMeter } from "@keelson/runtime-core/ports";
import { expect, it, onTestFinished, vi } from "vitest";
import type { PlannedMessage } from "./fetcher-protocol.ts";
import { PullProgress } from "./pull-progress.ts";

it("tells how far each layer has got, and when nothing comes any more", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let bytes = 0;
  const add = (amount = 1): void => {
    bytes += amount;
  };
  const counter = { add };
  const layers = [{ size: 1_000_000 }, { size: 4_000_000 }] as unknown as PlannedMessage["layers"];
  const meter = { ...silentMeter, counter: () => ({ of: () => counter }) };
  const progress = new PullProgress({ reference: "docker.io/library/busybox:latest", layers }, meter);
  const text = (what: string): string => `of "docker.io/library/busybox:latest" (${what})`;
  expect(progress.text).toBe(text("0 of 2 in place, 0.0 of 5.0 MB"));
  progress.came(1, 2_500_000);
  progress.came(1, 100_000);
  progress.inPlace(0);
  expect(progress.text).toBe(text("1 of 2 in place, 3.5 of 5.0 MB"));
  vi.advanceTimersByTime(9000);
  expect(progress.text).toBe(text("1 of 2 in place, 3.5 of 5.0 MB, nothing came for 9 s"));
  progress.came(1, 4_000_000);
  vi.advanceTimersByTime(9000);
  expect(progress.text).toBe(text("1 of 2 in place, 5.0 of 5.0 MB"));
  expect(bytes).toBe(4_000_000);
});
