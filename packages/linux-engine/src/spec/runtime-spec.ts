/**
 * The parts of an OCI runtime configuration (`config.json`, opencontainers/runtime-spec) that this engine writes. A
 * 64-bit value may be a bigint; {@link serializeSpec} writes it without loss.
 */
export interface Spec {
  readonly ociVersion: string;
  readonly root: Root;
  readonly process: Process;
  readonly mounts: readonly Mount[];
  readonly linux: Linux;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly: boolean;
}

/** Also the whole of a `process.json`, as `exec --process` reads it. */
export interface Process {
  readonly terminal: boolean;
  readonly user: ProcessUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Capabilities;
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
}

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** Names with their `CAP_` prefix. */
export interface Capabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Linux {
  readonly namespaces: readonly Namespace[];
  readonly cgroupsPath: string;
  readonly resources: Resources;
  readonly devices?: readonly Device[];
  readonly seccomp?: Seccomp;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly rootfsPropagation?: "rslave" | "rshared";
}

export type NamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup";

export interface Namespace {
  readonly type: NamespaceType;
  /** An existing namespace to join; without it the runtime makes a new one. */
  readonly path?: string;
}

/** A device node that the runtime makes inside the container. */
export interface Device {
  readonly type: DeviceType;
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Permission bits only. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Character, block. */
export type DeviceType = "c" | "b";

export interface Resources {
  readonly devices: readonly DeviceRule[];
  readonly cpu?: CpuResources;
  readonly memory?: MemoryResources;
  readonly hugepageLimits?: readonly HugepageLimit[];
  /** -1 is no limit. */
  readonly pids?: { readonly limit: number };
  /** Files of cgroup v2, by name. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: DeviceType | "a";
  readonly major?: number;
  readonly minor?: number;
  /** A subset of `rwm`. */
  readonly access: string;
}

export interface CpuResources {
  readonly shares?: bigint;
  /** Microseconds in each period. */
  readonly quota?: bigint;
  /** Microseconds. */
  readonly period?: bigint;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface MemoryResources {
  /** Bytes. */
  readonly limit?: bigint;
  /** Bytes of memory and swap together. */
  readonly swap?: bigint;
}

export interface HugepageLimit {
  readonly pageSize: string;
  /** Bytes. */
  readonly limit: bigint;
}

export interface Seccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly SyscallRule[];
}

export interface SyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  /** All of them must hold. */
  readonly args?: readonly SyscallArgument[];
}

export interface SyscallArgument {
  readonly index: number;
  readonly value: number | bigint;
  readonly valueTwo?: number | bigint;
  readonly op: string;
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** The text of a `config.json`, of a `process.json` or of limits alone; 64-bit numbers keep every digit. */
export function serializeSpec(value: Spec | Process | Omit<Resources, "devices">): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? rawJson(member.toString()) : member,
  );
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** The inverse of {@link serializeSpec}: a whole number that a double can't hold becomes a bigint. */
export function parseSpec(text: string): Spec {
  const keepDigits: Reviver = (_key, value, { source = "" }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value;
  return JSON.parse(text, keepDigits as (this: unknown, key: string, value: unknown) => unknown) as Spec;
}
