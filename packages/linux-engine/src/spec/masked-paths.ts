import type { LinuxContainerSecurityContext } from "@keelson/cri-api/v1";
import { cleanPath } from "./path-rules.ts";

/**
 * What a caller of CRI should ask to be hidden (the kubelet does, for procMount Default): files of `/proc` and `/sys`
 * that are not namespaced. A container runtime takes the lists as sent (THREATS T3.06).
 */
export const defaultMaskedPaths: readonly string[] = [
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
];

/** As {@link defaultMaskedPaths}, for what may be read and not written. */
export const defaultReadonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/**
 * The lists as sent; none for a privileged container.
 * @throws INVALID_ARGUMENT for a path that is not absolute, too long, or holds NUL
 */
export function buildMaskedPaths(context: LinuxContainerSecurityContext | undefined): {
  maskedPaths: string[];
  readonlyPaths: string[];
} {
  if (context === undefined || context.privileged) return { maskedPaths: [], readonlyPaths: [] };
  const read = (list: readonly string[], field: string) =>
    list.map((path, index) => cleanPath(path, `linux.security_context.${field}[${index}]`));
  return {
    maskedPaths: read(context.maskedPaths, "masked_paths"),
    readonlyPaths: read(context.readonlyPaths, "readonly_paths"),
  };
}
