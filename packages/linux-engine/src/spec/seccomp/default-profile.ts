import type { HostFacts } from "../host-facts.ts";
import type { Seccomp, SyscallRule } from "../runtime-spec.ts";
import { archSyscalls, capabilitySyscalls, plainSyscalls } from "./syscall-groups.ts";

/** The architectures whose binaries run on a machine, its own first. */
export const seccompArchitectures: Readonly<Record<HostFacts["architecture"], readonly string[]>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
};

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} of clone(2). */
const namespaceFlags = 0x7e02_0000;
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the value that only asks. */
const personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/** All address families below AF_ALG (38), and those above but AF_VSOCK (40): NFC, KCM, QIPCRTR, SMC, XDP, MCTP. */
const AF_ALG = 38;
const otherFamilies = [39, 41, 42, 43, 44, 45];

/**
 * The profile of RuntimeDefault: what is not allowed fails with EPERM. It depends on the capabilities of the container:
 * a call that only a capability makes useful comes with that capability.
 */
export function buildDefaultProfile(capabilities: readonly string[], facts: Pick<HostFacts, "architecture">): Seccomp {
  const { architecture } = facts;
  const added = capabilities.flatMap((name) => capabilitySyscalls[name] ?? []);
  const names = [...new Set([...plainSyscalls, ...archSyscalls[architecture], ...added])].sort();
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: seccompArchitectures[architecture],
    syscalls: [
      ...socketRules(),
      ...(capabilities.includes("CAP_SYS_ADMIN") ? [] : cloneRules()),
      ...personalities.map((value) => allowWhen("personality", value, "SCMP_CMP_EQ")),
      { names, action: "SCMP_ACT_ALLOW" },
    ],
  };
}

/**
 * Opening a socket of any family but AF_ALG and AF_VSOCK (THREATS T3.09). Never "greater than": the filter compares 64
 * bits, the kernel reads 32 of them, so that a family with a high bit set would pass. `socketcall` of 32-bit x86 hides
 * the family behind a pointer, and any 64-bit process can make it: it answers ENOSYS, and so do 32-bit programs whose
 * libc knows no other way. Its rule comes first and with another errno than the default's, or the runtime would drop it
 * and libseccomp would allow what it derives from `socket`.
 */
function socketRules(): SyscallRule[] {
  return [
    { names: ["socketcall"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    allowWhen("socket", AF_ALG, "SCMP_CMP_LT"),
    ...otherFamilies.map((family) => allowWhen("socket", family, "SCMP_CMP_EQ")),
  ];
}

/**
 * Without CAP_SYS_ADMIN no new namespaces. `clone3` has its flags behind a pointer: it answers ENOSYS, and libc falls
 * back to `clone`.
 */
function cloneRules(): SyscallRule[] {
  const args = [{ index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }];
  return [
    { names: ["clone"], action: "SCMP_ACT_ALLOW", args },
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
  ];
}

function allowWhen(name: string, value: number, op: string): SyscallRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value, op }] };
}
