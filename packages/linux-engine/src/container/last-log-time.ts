import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { parseLogLine } from "@keelson/cri-api/logs";

// conmon writes lines of at most some 8 KiB
const tailBytes = 32 * 1024;

/**
 * The time of the last line of a container's log, in nanoseconds since 1970. Undefined when there is none, or the log
 * can't be read: it belongs to the kubelet, which may have rotated or removed it, and no end waits for it.
 */
export async function lastLogTimeNs(logPath: string): Promise<bigint | undefined> {
  if (logPath === "") return undefined;
  try {
    const file = await open(logPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return undefined;
      const tail = Buffer.alloc(Math.min(stats.size, tailBytes));
      const { bytesRead } = await file.read(tail, 0, tail.length, stats.size - tail.length);
      return timeOf(tail.toString("latin1", 0, bytesRead).trimEnd().split("\n").at(-1) ?? "");
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // whatever keeps it from being read, the exit file's time is good to a tick of the clock
  }
}

function timeOf(line: string): bigint | undefined {
  const [, seconds = "", fraction = "", zone = ""] =
    /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(parseLogLine(line)?.time ?? "") ?? [];
  const millis = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
