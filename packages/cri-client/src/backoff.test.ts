import { expect, test } from "vitest";
import { defaultBackoff, pauseMs } from "./backoff.ts";

test("pauseMs() doubles from 100 ms to 3 s, and does not wait before the first attempt", () => {
  const middle = (failures: number): number => pauseMs(failures, defaultBackoff, () => 0.5);
  expect([0, 1, 2, 3, 4, 5, 6, 7, 1000].map(middle)).toEqual([0, 100, 200, 400, 800, 1600, 3000, 3000, 3000]);
});

test("pauseMs() varies by a fifth", () => {
  expect(pauseMs(1, defaultBackoff, () => 0)).toBeCloseTo(80);
  expect(pauseMs(1, defaultBackoff, () => 0.999)).toBeCloseTo(120, 0);
});
