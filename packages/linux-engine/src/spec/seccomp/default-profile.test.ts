import { describe, expect, it } from "vitest";
import { allCapabilities } from "../../../test/spec/fixtures.ts";
import { defaultCapabilities } from "../capabilities.ts";
import { buildDefaultProfile } from "./default-profile.ts";

const profile = (capabilities: readonly string[] = defaultCapabilities, architecture: "x64" | "arm64" = "x64") =>
  buildDefaultProfile(capabilities, { architecture });
const rulesFor = (name: string, ...args: Parameters<typeof profile>) =>
  profile(...args).syscalls?.filter((rule) => rule.names.includes(name)) ?? [];
const plain = (name: string, ...args: Parameters<typeof profile>) =>
  rulesFor(name, ...args).some((rule) => rule.action === "SCMP_ACT_ALLOW" && rule.args === undefined);

/** What the kernel would do with a socket call, by the rules that are there. */
function allowsFamily(register: bigint): boolean {
  return rulesFor("socket").some(({ args = [] }) => {
    const [arg] = args;
    if (arg === undefined) return true;
    const value = BigInt(arg.value);
    return arg.op === "SCMP_CMP_LT" ? register < value : register === value;
  });
}

describe("buildDefaultProfile()", () => {
  it("T3.09 lets every address family open a socket but AF_ALG and AF_VSOCK", () => {
    const refused = Array.from({ length: 46 }, (_, family) => family).filter((family) => !allowsFamily(BigInt(family)));
    expect(refused).toEqual([38, 40]);
  });

  it("T3.09 is not deceived by high bits, which the kernel would ignore", () => {
    expect(allowsFamily((1n << 32n) | 38n)).toBe(false);
    expect(allowsFamily((1n << 63n) | 38n)).toBe(false);
  });

  it("T3.09 closes the ways around: socketcall first of all rules, and io_uring", () => {
    expect(profile().syscalls?.[0]).toEqual({ names: ["socketcall"], action: "SCMP_ACT_ERRNO", errnoRet: 38 });
    for (const name of ["io_uring_setup", "io_uring_enter", "io_uring_register"]) {
      expect(rulesFor(name, allCapabilities)).toEqual([]);
    }
  });

  it("refuses new namespaces without CAP_SYS_ADMIN, and lets libc fall back from clone3", () => {
    expect(rulesFor("clone3")).toEqual([{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
    const newNamespaces = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
    const mask = newNamespaces.reduce((sum, flag) => sum + flag, 0);
    expect(rulesFor("clone")).toEqual([
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: mask, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
    expect(plain("unshare")).toBe(false);
    for (const name of ["clone", "clone3", "unshare", "mount", "setns"])
      expect(plain(name, ["CAP_SYS_ADMIN"])).toBe(true);
  });

  it.each([
    { capability: "CAP_SYS_BOOT", name: "reboot" },
    { capability: "CAP_SYS_TIME", name: "settimeofday" },
    { capability: "CAP_SYS_MODULE", name: "finit_module" },
    { capability: "CAP_BPF", name: "bpf" },
    { capability: "CAP_DAC_READ_SEARCH", name: "open_by_handle_at" },
    { capability: "CAP_SYS_NICE", name: "mbind" },
  ])("lets $name come with $capability", ({ capability, name }) => {
    expect(plain(name)).toBe(false);
    expect(plain(name, [capability])).toBe(true);
  });

  it("knows chroot of the default capabilities, and never these", () => {
    expect(plain("chroot")).toBe(true);
    expect(plain("chroot", [])).toBe(false);
    for (const name of ["keyctl", "add_key", "request_key", "kexec_load", "userfaultfd", "swapon", "pivot_root"]) {
      expect(rulesFor(name, allCapabilities)).toEqual([]);
    }
  });

  it("knows both architectures", () => {
    expect(profile().architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    expect(profile([], "arm64").architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
    expect(plain("arch_prctl")).toBe(true);
    expect(plain("arch_prctl", [], "arm64")).toBe(false);
  });

  it("names no call twice without arguments", () => {
    const names = profile(allCapabilities)
      .syscalls?.filter((rule) => rule.args === undefined)
      .flatMap((rule) => rule.names);
    expect(new Set(names).size).toBe(names?.length);
  });
});
