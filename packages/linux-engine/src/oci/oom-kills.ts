import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../sys/syscall-error.ts";

/**
 * How many processes the kernel has killed for want of memory in a cgroup of v2 and in what is or was below it
 * (`memory.events` of Documentation/admin-guide/cgroup-v2). Undefined when it is gone or does not count memory, and on v1.
 */
export function countOomKills(folder: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, "memory.events"), "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return undefined;
    throw error;
  }
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}
