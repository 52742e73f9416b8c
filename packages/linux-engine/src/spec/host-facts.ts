import type { CgroupDriver } from "./cgroups-path.ts";

/** What a builder of specifications has to know of the machine and of the daemon; read once at start. */
export interface HostFacts {
  /** As `process.arch` names it. */
  readonly architecture: "x64" | "arm64";
  /** `major.minor`, for the conditions of seccomp profiles. */
  readonly kernel: readonly [major: number, minor: number];
  /** A hybrid machine (v1 controllers beside an empty v2 tree) counts as 1. */
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: CgroupDriver;
  /** The controllers that are there for containers, as the kernel names them: cpu, cpuset, memory, pids, hugetlb… */
  readonly controllers: ReadonlySet<string>;
  /** Whether swap can be limited (v1 `memory.memsw.*`, v2 `memory.swap.max`). */
  readonly swapAccounting: boolean;
  /** The capabilities that a container can be given at all: the daemon's bounding set, names with `CAP_`. */
  readonly capabilities: ReadonlySet<string>;
  /** The daemon's own `oom_score_adj`. */
  readonly oomScoreAdj: number;
  /** Whether the daemon may go below its own `oom_score_adj` (CAP_SYS_RESOURCE). */
  readonly canLowerOomScoreAdj: boolean;
  /** Whether the kernel and the OCI runtime filter system calls. */
  readonly seccomp: boolean;
  /** Undefined on a machine without AppArmor. As it is at the moment. */
  readonly apparmor: AppArmorFacts | undefined;
  readonly selinux: boolean;
  /** Whether the OCI runtime makes a whole mount tree read-only (`rro`). */
  readonly recursiveReadOnlyMounts: boolean;
  /** Whether a container can join the process ID namespace of another one. */
  readonly targetPidNamespaces: boolean;
  /** The machine's name: `HOSTNAME` of pods that bring none. */
  readonly hostname: string;
}

export interface AppArmorFacts {
  /** The profiles that the kernel has loaded. */
  readonly loaded: ReadonlySet<string>;
  /** The profile of RuntimeDefault. */
  readonly runtimeDefault?: string;
}

/** Something that a request asked for and that it does not get, or gets in another form: shown in verbose `info`. */
export interface Reported {
  /** The field's path in the request, in proto names. */
  readonly field: string;
  readonly value: string;
  readonly why: string;
}

/** What an image says of the process that it is made for (OCI image-spec, config). */
export interface ImageProcessConfig {
  readonly user?: string | undefined;
  readonly env?: readonly string[] | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly workingDir?: string | undefined;
  readonly stopSignal?: string | undefined;
  /** Paths whose content is no part of the container's root file system (Dockerfile's VOLUME). */
  readonly volumes?: readonly string[] | undefined;
}
