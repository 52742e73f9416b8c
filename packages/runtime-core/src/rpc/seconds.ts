// what a timer takes: a signed 32-bit number of milliseconds, some 24 days
const longest = 2n ** 31n - 1n;

/** CRI's seconds as milliseconds that a timer takes; what is negative counts as 0. */
export function millisFromSeconds(seconds: bigint): number {
  const millis = seconds < 0n ? 0n : seconds * 1000n;
  return Number(millis > longest ? longest : millis);
}
