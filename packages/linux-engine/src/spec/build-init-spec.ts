import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import type { HostFacts } from "./host-facts.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "./masked-paths.ts";
import type { PinnedNamespaces } from "./namespaces.ts";
import { buildOomScoreAdj } from "./oom-score.ts";
import type { Mount, Namespace, ProcessUser, Spec } from "./runtime-spec.ts";
import { buildDefaultProfile } from "./seccomp/default-profile.ts";
import { readId } from "./users.ts";

export interface InitSpecInput {
  readonly user: ProcessUser;
  readonly facts: HostFacts;
  /** The folder with the program, read-only for all. */
  readonly rootfs: string;
  /** The program's path in it. */
  readonly program: string;
  readonly cgroupsPath: string;
  /** Of the pod; where it has the host's, the process gets one of its own and not the host's. */
  readonly pins: Pick<PinnedNamespaces, "network" | "ipc" | "uts">;
}

/** Who nobody is in any image: a container's root is not the owner of a process with this user. */
const nobodyElse = 65_535;

/** The memory of a few pages is worth nothing to the kernel, and its end would be the pod's. */
const oomScoreAdj = -998n;

/**
 * Who the first process of a pod with shared process IDs is: what the sandbox asks for, else user and group 65535.
 * @throws INVALID_ARGUMENT for numbers out of range
 */
export function initUser(config: PodSandboxConfig): ProcessUser {
  const context = config.linux?.securityContext;
  const path = "linux.security_context";
  const id = (value: bigint | undefined, field: string): number =>
    value === undefined ? nobodyElse : readId(value, `${path}.${field}`);
  return {
    uid: id(context?.runAsUser?.value, "run_as_user"),
    gid: id(context?.runAsGroup?.value, "run_as_group"),
    additionalGids: (context?.supplementalGroups ?? []).map((gid, index) =>
      readId(gid, `${path}.supplemental_groups[${index}]`),
    ),
  };
}

/**
 * The specification of that process. All containers of the pod see it, and one with its user may reach into it
 * (ptrace(2), `/proc/1/root`): so it has no capability, a read-only root with nothing but the program, the paths of
 * `/proc` hidden that are hidden from containers, the filter of RuntimeDefault whatever is asked, and nothing of the host.
 */
export function buildInitSpec({ user, facts, rootfs, program, cgroupsPath, pins }: InitSpecInput): Spec {
  const none: readonly string[] = [];
  const seccomp = facts.seccomp ? { seccomp: buildDefaultProfile(none, facts) } : {};
  return {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: true },
    process: {
      terminal: false,
      user,
      args: [program],
      env: none,
      cwd: "/",
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
      noNewPrivileges: true,
      oomScoreAdj: buildOomScoreAdj(oomScoreAdj, facts).value,
    },
    mounts: [
      mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
      mount("/dev", "tmpfs", ["nosuid", "noexec", "mode=755", "size=64k"]),
    ],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "mount" },
        { type: "cgroup" },
        ...(["network", "ipc", "uts"] as const).map((type): Namespace => {
          const path = pins[type];
          return path === undefined ? { type } : { type, path };
        }),
      ],
      cgroupsPath,
      resources: { devices: [{ allow: false, access: "rwm" }], cpu: { shares: 2n } },
      ...seccomp,
      maskedPaths: defaultMaskedPaths,
      readonlyPaths: defaultReadonlyPaths,
    },
  };
}

function mount(destination: string, type: string, options: readonly string[]): Mount {
  return { destination, type, source: type, options };
}
