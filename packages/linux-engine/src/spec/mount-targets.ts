import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { cleanPath, isWithin } from "./path-rules.ts";

/** What LXCFS overlays, file by file, so that a container sees its own limits: the list that runc lets pass. */
const lxcfsFiles: ReadonlySet<string> = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/net/dev",
  "/proc/slabinfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/sys/crypto/fips_enabled",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/uptime",
]);

/**
 * Where a request may mount (THREATS T3.05). `/proc` only takes another procfs, and below it only LXCFS's files; nothing
 * goes on the terminals of `/dev`; the root can't be replaced. Below `/sys` all is allowed: eBPF agents mount
 * `/sys/fs/bpf`. The runtime resolves the target inside the container's root.
 * @returns the target in its shortest form
 * @throws INVALID_ARGUMENT
 */
export function checkMountTarget(containerPath: string, field: string): string {
  const target = cleanPath(containerPath, field);
  const refuse = (why: string) => invalidArgument(`read ${field}: can't mount on ${quote(target)}, ${why}`);
  if (target === "/") throw refuse("it is the container's root");
  if (isWithin(target, "/dev/pts") || target === "/dev/console" || target === "/dev/ptmx") {
    throw refuse("the runtime keeps terminals there");
  }
  if (target.startsWith("/proc/") && !lxcfsFiles.has(target)) {
    throw refuse("below /proc only the files of LXCFS can be replaced");
  }
  return target;
}
