import { expect, it } from "vitest";
import { millisFromSeconds } from "./seconds.ts";

// T12.03
it.each([
  [0n, 0],
  [-1n, 0],
  [30n, 30_000],
  [2n ** 31n, 2 ** 31 - 1],
  [2n ** 53n + 1n, 2 ** 31 - 1],
  [2n ** 63n - 1n, 2 ** 31 - 1],
  [-(2n ** 63n), 0],
])("%d seconds are %d milliseconds that a timer takes", (seconds, millis) => {
  expect(millisFromSeconds(seconds)).toBe(millis);
});
