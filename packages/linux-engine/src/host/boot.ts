import { readFileSync } from "node:fs";

/** Names this boot of the machine: differs after each reboot (random(4)). */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** When the machine was booted, in nanoseconds since 1970, to the second (proc(5), `btime` of `/proc/stat`). */
export function readBootTimeNs(): bigint {
  const line = readFileSync("/proc/stat", "utf8").match(/^btime (\d+)$/m);
  if (line?.[1] === undefined) throw new Error("/proc/stat tells no boot time");
  return BigInt(line[1]) * 1_000_000_000n;
}
