import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What a container must not read: the kubelet's default list (pkg/securitycontext). */
export function maskedPaths(): readonly string[] {
  return [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    ...thermalThrottles("/sys/devices/system/cpu"),
  ];
}

/** What a container must not write. */
export const readonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** They tell of the heat of a processor, and by that what runs on it (GHSA-6fw5-f8r9-fgfm). */
function thermalThrottles(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^cpu[0-9]+$/.test(name))
    .map((name) => join(folder, name, "thermal_throttle"))
    .filter((path) => existsSync(path));
}
