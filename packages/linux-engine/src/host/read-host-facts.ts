import { existsSync, readFileSync } from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";
import type { AppArmorFacts, CgroupDriver, HostFacts } from "../spec/index.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { CgroupLayout } from "./cgroup-layout.ts";

/** What the OCI runtime that containers are run with can do. */
export interface RuntimeFeatures {
  readonly recursiveReadOnlyMounts: boolean;
}

/** Reads what a builder of specifications has to know: once, at the start, but for the profiles of AppArmor. */
export function readHostFacts(layout: CgroupLayout, cgroupDriver: CgroupDriver, runtime: RuntimeFeatures): HostFacts {
  const { bounding, effective } = readCapabilities(readFileSync("/proc/self/status", "latin1"));
  return {
    architecture: architecture(),
    kernel: kernelVersion(release()),
    cgroupVersion: layout.version,
    cgroupDriver,
    controllers: new Set(layout.controllers),
    swapAccounting: hasSwapAccounting(layout),
    capabilities: bounding,
    oomScoreAdj: Number(readFileSync("/proc/self/oom_score_adj", "latin1")),
    canLowerOomScoreAdj: effective.has("CAP_SYS_RESOURCE"),
    seccomp: existsSync("/proc/sys/kernel/seccomp/actions_avail"),
    // Profiles come and go while the daemon runs.
    get apparmor() {
      return readAppArmor();
    },
    selinux: existsSync("/sys/fs/selinux/enforce"),
    recursiveReadOnlyMounts: runtime.recursiveReadOnlyMounts,
    targetPidNamespaces: false,
    hostname: hostname(),
  };
}

/** The names of capabilities in the order of their numbers (linux/capability.h). */
const capabilityNames = `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
  NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
  SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
  SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(
  /\s+/,
);

/** The sets that `/proc/PID/status` shows, by name. */
export function readCapabilities(status: string): {
  readonly bounding: ReadonlySet<string>;
  readonly effective: ReadonlySet<string>;
} {
  const set = (name: string): ReadonlySet<string> => {
    const bits = BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
    return new Set(capabilityNames.filter((_, bit) => (bits >> BigInt(bit)) & 1n).map((one) => `CAP_${one}`));
  };
  return { bounding: set("CapBnd"), effective: set("CapEff") };
}

function architecture(): HostFacts["architecture"] {
  if (process.arch === "x64" || process.arch === "arm64") return process.arch;
  throw new Error(`run containers: the architecture ${process.arch} is not x64 or arm64`);
}

export function kernelVersion(text: string): readonly [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

/** v1 shows the file in every memory cgroup; on v2 the root has none, so a cgroup below it is asked. */
function hasSwapAccounting(layout: CgroupLayout): boolean {
  if (layout.version === 1) {
    return existsSync(join(layout.mounts.get("memory") ?? "/nonexistent", "memory.memsw.limit_in_bytes"));
  }
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const below = own === "/" ? ["system.slice", "init.scope", "kubepods.slice", "kubepods"] : [own];
  return below.some((cgroup) => existsSync(join(layout.unified ?? "/sys/fs/cgroup", cgroup, "memory.swap.max")));
}

function readAppArmor(): AppArmorFacts | undefined {
  if (readIfThere("/sys/module/apparmor/parameters/enabled").trim() !== "Y") return undefined;
  const lines = readIfThere("/sys/kernel/security/apparmor/profiles").split("\n");
  const names = lines.map((line) => line.replace(/ \([a-z]+\)$/, "")).filter((name) => name !== "");
  return { loaded: new Set(names) };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
