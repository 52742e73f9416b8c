import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { HostFacts } from "../host-facts.ts";
import type { Seccomp, SyscallArgument, SyscallRule } from "../runtime-spec.ts";
import { seccompArchitectures } from "./default-profile.ts";

/** How much of a profile's file is read. */
export const maxProfileBytes: number = 1024 * 1024;

export interface ProfileCircumstances {
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  readonly facts: Pick<HostFacts, "architecture" | "kernel">;
}

const actions: ReadonlySet<unknown> = new Set(
  "ALLOW ERRNO KILL KILL_PROCESS KILL_THREAD LOG TRACE TRAP".split(" ").map((word) => `SCMP_ACT_${word}`),
);
const operators: ReadonlySet<unknown> = new Set(
  "NE LT LE EQ GE GT MASKED_EQ".split(" ").map((word) => `SCMP_CMP_${word}`),
);
const flags: ReadonlySet<unknown> = new Set(
  "LOG SPEC_ALLOW TSYNC".split(" ").map((word) => `SECCOMP_FILTER_FLAG_${word}`),
);

/**
 * Reads a seccomp profile: the `linux.seccomp` of the OCI runtime-spec, also in the form that Docker and Podman write
 * (`archMap`; rules with `includes` and `excludes`, decided here by capability, architecture and kernel). A member that
 * is not known is refused: to drop one could mean to confine less than the profile says (THREATS T3.08).
 * @throws INVALID_ARGUMENT naming the member
 */
export function parseLocalhostProfile(text: string, circumstances: ProfileCircumstances): Seccomp {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalidArgument("read seccomp profile: it is not JSON", { cause });
  }
  const profile = members(json, "profile", topMembers);
  const defaultErrnoRet = errno(profile.get("defaultErrnoRet"), "defaultErrnoRet");
  const chosenFlags = list(profile.get("flags"), "flags").map((flag) => oneOf(flag, flags, "flags"));
  return {
    defaultAction: oneOf(profile.get("defaultAction"), actions, "defaultAction"),
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: architectures(profile, circumstances),
    ...(chosenFlags.length === 0 ? {} : { flags: chosenFlags }),
    syscalls: list(profile.get("syscalls"), "syscalls").flatMap((rule, index) =>
      readRule(rule, `syscalls[${index}]`, circumstances),
    ),
  };
}

const topMembers = "defaultAction defaultErrnoRet architectures archMap flags syscalls comment".split(" ");
const ruleMembers = "names name action errnoRet args includes excludes comment".split(" ");

/** Without a word on architectures the runtime filters the machine's own only, and kills all other calls. */
function architectures(profile: ReadonlyMap<string, unknown>, { facts }: ProfileCircumstances): readonly string[] {
  const own = seccompArchitectures[facts.architecture][0] ?? "";
  const plain = list(profile.get("architectures"), "architectures").map((name) => string(name, "architectures"));
  const mapped = list(profile.get("archMap"), "archMap").flatMap((entry) => {
    const map = members(entry, "archMap", ["architecture", "subArchitectures"]);
    if (map.get("architecture") !== own) return [];
    const sub = list(map.get("subArchitectures"), "archMap.subArchitectures");
    return [own, ...sub.map((name) => string(name, "archMap.subArchitectures"))];
  });
  const all = [...new Set([...plain, ...mapped])];
  return all.length === 0 ? [own] : all;
}

function readRule(value: unknown, field: string, circumstances: ProfileCircumstances): SyscallRule[] {
  const rule = members(value, field, ruleMembers);
  const single = rule.get("name");
  const names = list(rule.get("names"), `${field}.names`).map((name) => string(name, `${field}.names`));
  if (single !== undefined && single !== "") names.push(string(single, `${field}.name`));
  if (names.length === 0) throw invalidArgument(`read seccomp profile: ${field} names no system call`);
  const action = oneOf(rule.get("action"), actions, `${field}.action`);
  const errnoRet = errno(rule.get("errnoRet"), `${field}.errnoRet`);
  const args = list(rule.get("args"), `${field}.args`).map((arg) => readArgument(arg, `${field}.args`));
  if (!applies(rule, field, circumstances)) return [];
  return [{ names, action, ...(errnoRet === undefined ? {} : { errnoRet }), ...(args.length === 0 ? {} : { args }) }];
}

function readArgument(value: unknown, field: string): SyscallArgument {
  const arg = members(value, field, ["index", "value", "valueTwo", "op"]);
  const index = number(arg.get("index"), `${field}.index`);
  if (index > 5) throw invalidArgument(`read seccomp profile: ${field}.index is ${index}, at most 5 is possible`);
  const two = arg.get("valueTwo");
  return {
    index,
    value: number(arg.get("value"), `${field}.value`),
    ...(two === undefined ? {} : { valueTwo: number(two, `${field}.valueTwo`) }),
    op: oneOf(arg.get("op"), operators, `${field}.op`),
  };
}

/** Docker's conditions: all of `includes` must hold, none of `excludes`; of a list of capabilities each one counts. */
function applies(rule: ReadonlyMap<string, unknown>, field: string, circumstances: ProfileCircumstances): boolean {
  const { capabilities, facts } = circumstances;
  const arch = { x64: "amd64", arm64: "arm64" }[facts.architecture];
  const read = (side: string) => {
    const given = rule.get(side);
    const filter =
      given === undefined || given === null
        ? new Map<string, unknown>()
        : members(given, `${field}.${side}`, ["caps", "arches", "minKernel"]);
    const strings = (key: string) =>
      list(filter.get(key), `${field}.${side}.${key}`).map((item) => string(item, `${field}.${side}.${key}`));
    const minKernel = filter.get("minKernel");
    return {
      caps: strings("caps"),
      arches: strings("arches"),
      newEnough: minKernel === undefined ? undefined : isNewEnough(minKernel, `${field}.${side}.minKernel`, facts),
    };
  };
  const includes = read("includes");
  const excludes = read("excludes");
  return (
    includes.caps.every((name) => capabilities.includes(name)) &&
    (includes.arches.length === 0 || includes.arches.includes(arch)) &&
    includes.newEnough !== false &&
    !excludes.caps.some((name) => capabilities.includes(name)) &&
    !excludes.arches.includes(arch) &&
    excludes.newEnough !== true
  );
}

function isNewEnough(value: unknown, field: string, facts: Pick<HostFacts, "kernel">): boolean {
  const match = /^(\d{1,4})\.(\d{1,4})$/.exec(string(value, field));
  if (match === null) throw invalidArgument(`read seccomp profile: ${field} is not like "4.8"`);
  const [major, minor] = facts.kernel;
  const wanted = Number(match[1]);
  return major > wanted || (major === wanted && minor >= Number(match[2]));
}

function members(value: unknown, field: string, names: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidArgument(`read seccomp profile: ${field} is not an object`);
  }
  const map = new Map<string, unknown>(Object.entries(value));
  for (const name of map.keys()) {
    if (!names.includes(name))
      throw invalidArgument(`read seccomp profile: ${field} has an unknown member ${quote(name)}`);
  }
  return map;
}

function list(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidArgument(`read seccomp profile: ${field} is not a list`);
  return value;
}

function string(value: unknown, field: string): string {
  if (typeof value !== "string" || value === "") throw invalidArgument(`read seccomp profile: ${field} is not a text`);
  return value;
}

function oneOf(value: unknown, known: ReadonlySet<unknown>, field: string): string {
  if (typeof value === "string" && known.has(value)) return value;
  const shown = typeof value === "string" ? quote(value) : typeof value;
  throw invalidArgument(`read seccomp profile: ${field} is ${shown}, not one of ${[...known].join(", ")}`);
}

/** JSON numbers above 2^53 have lost digits when they arrive here: to filter by them would be guessing. */
function number(value: unknown, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalidArgument(`read seccomp profile: ${field} is not a whole number from 0 to 2^53 - 1`);
}

function errno(value: unknown, field: string): number | undefined {
  return value === undefined || value === null ? undefined : number(value, field);
}
