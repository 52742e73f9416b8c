import { describe, expect, it } from "vitest";
import { parseLocalhostProfile } from "./localhost-profile.ts";

const parse = (profile: unknown, capabilities: string[] = []) =>
  parseLocalhostProfile(JSON.stringify(profile), {
    capabilities,
    facts: { architecture: "x64", kernel: [6, 1] },
  });
const allow = { names: ["read"], action: "SCMP_ACT_ALLOW" };
const minimal = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [allow] };
const withRule = (rule: object, capabilities?: string[]) =>
  parse({ ...minimal, syscalls: [{ ...allow, ...rule }] }, capabilities).syscalls;

describe("parseLocalhostProfile()", () => {
  it("reads the runtime-spec's form", () => {
    const profile = {
      defaultAction: "SCMP_ACT_LOG",
      defaultErrnoRet: 5,
      architectures: ["SCMP_ARCH_X86_64"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [
        { ...allow, args: [{ index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }] },
        { names: ["kill"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      ],
    };
    expect(parse(profile)).toEqual(profile);
    expect(parse(minimal)).toEqual({ ...minimal, architectures: ["SCMP_ARCH_X86_64"] });
  });

  it("reads Docker's form: archMap, one name, includes and excludes", () => {
    const archMap = [
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
    ];
    expect(parse({ ...minimal, archMap }).architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(withRule({ names: null, name: "write", comment: "" })).toEqual([
      { names: ["write"], action: "SCMP_ACT_ALLOW" },
    ]);
    expect(withRule({ includes: { caps: ["CAP_SYS_ADMIN"] } })).toEqual([]);
    expect(withRule({ includes: { caps: ["CAP_SYS_ADMIN"] } }, ["CAP_SYS_ADMIN"])).toHaveLength(1);
    expect(withRule({ excludes: { caps: ["CAP_SYS_ADMIN"] } }, ["CAP_SYS_ADMIN"])).toEqual([]);
    expect(withRule({ includes: { arches: ["arm64"] } })).toEqual([]);
    expect(withRule({ includes: { arches: ["amd64", "x32"], minKernel: "4.8" }, excludes: {} })).toHaveLength(1);
    expect(withRule({ includes: { minKernel: "6.2" } })).toEqual([]);
    expect(withRule({ excludes: { minKernel: "6.1" } })).toEqual([]);
  });

  it.each([
    { name: "nothing", bad: {}, text: "defaultAction is undefined" },
    { name: "an unknown action", bad: { defaultAction: "ALLOW" }, text: "defaultAction" },
    { name: "an action that needs a listener", bad: { ...minimal, defaultAction: "SCMP_ACT_NOTIFY" }, text: "NOTIFY" },
    { name: "an unknown member", bad: { ...minimal, listenerPath: "/x" }, text: '"listenerPath"' },
    { name: "an unknown condition", bad: { ...minimal, syscalls: [{ ...allow, includes: { os: [] } }] }, text: '"os"' },
    { name: "a rule without a name", bad: { ...minimal, syscalls: [{ ...allow, names: [] }] }, text: "no system call" },
    {
      name: "a number without all its digits",
      bad: { ...minimal, syscalls: [{ ...allow, args: [{ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" }] }] },
      text: "value is not a whole number",
    },
    {
      name: "an operator that does not exist",
      bad: { ...minimal, syscalls: [{ ...allow, args: [{ index: 0, value: 1, op: "==" }] }] },
      text: "args.op",
    },
    { name: "a list", bad: [], text: "is not an object" },
  ])("T3.08 refuses $name", ({ bad, text }) => {
    expect(() => parse(bad)).toThrow(text);
  });

  it("T3.08 refuses an empty file", () => {
    const circumstances = { capabilities: [], facts: { architecture: "x64", kernel: [6, 1] } } as const;
    expect(() => parseLocalhostProfile("", circumstances)).toThrow("it is not JSON");
  });
});
