import { expect, it } from "vitest";
import { grpcTimeoutMs } from "./grpc-timeout.ts";

it.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["60S", 60_000],
  ["99999999m", 99_999_999],
  ["1500u", 1.5],
  ["1000000n", 1],
  ["0S", 0],
])("%s is %d ms", (header, ms) => {
  expect(grpcTimeoutMs(header)).toBeCloseTo(ms, 6);
});

it.each(["", "S", "5", "5s", "-5S", "5 S", "1.5S", "100000000S", "5S\n", "5Sx", "0x5S"])("%j is no time", (header) => {
  expect(grpcTimeoutMs(header)).toBeNaN();
});
