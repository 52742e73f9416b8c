import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { type ContainerConfig, type Mount as CriMount, MountPropagation } from "@keelson/cri-api/v1";
import type { VolumeMount } from "./image-volumes.ts";
import { checkMountTarget } from "./mount-targets.ts";
import { checkPathText, cleanPath } from "./path-rules.ts";
import type { Linux, Mount } from "./runtime-spec.ts";

/**
 * What the engine found at `host_path` of one of the configuration's mounts. Before that it has made a missing path as a
 * folder (0755), as containerd does, and followed symbolic links.
 */
export interface MountSource {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Of the mount that the path lies on (`/proc/self/mountinfo`). */
  readonly propagation: "private" | "slave" | "shared";
  /** What that mount forbids: a runtime that makes a bind mount read-only may forget it. */
  readonly forbids: readonly MountRestriction[];
  /** Whether it is the root of a procfs. */
  readonly procfs: boolean;
}

export const mountRestrictions = ["nosuid", "nodev", "noexec"] as const;
export type MountRestriction = (typeof mountRestrictions)[number];

/** Files of the sandbox on the host; what is absent is not mounted. */
export interface SandboxFiles {
  readonly hostname?: string;
  readonly hosts?: string;
  readonly resolvConf?: string;
  /** The pod's `/dev/shm`; absent: a tmpfs of 64 MiB for each container. Not used by pods in the host's IPC namespace. */
  readonly shm?: string;
}

export interface MountsInput {
  readonly config: ContainerConfig;
  readonly files: SandboxFiles;
  /** One for each of `config.mounts`, in their order. */
  readonly sources: readonly MountSource[];
  /** From {@link imageVolumes}, each with its folder on the host. */
  readonly volumes?: readonly VolumeMount[];
  readonly hostIpc: boolean;
}

/**
 * All mounts of a container: the standard ones (runtime-spec, "Default Filesystems"), then the sandbox's files and the
 * configuration's in the order of their targets' depth. A mount of the configuration replaces a standard one or a file
 * on the same target, and one on `/dev` all standard ones below.
 * @throws INVALID_ARGUMENT for a target that is not allowed or options that contradict; FAILED_PRECONDITION for a
 *   propagation that the host's mount does not have
 */
export function buildMounts(input: MountsInput): { mounts: Mount[]; rootfsPropagation?: Linux["rootfsPropagation"] } {
  const context = input.config.linux?.securityContext;
  const own = input.config.mounts.map((mount, index) => bindMount(mount, index, input.sources[index]));
  own.push(...(input.volumes ?? []).map(volumeMount));
  const taken = new Set(own.map((mount) => mount.destination));
  const files = sandboxMounts(input, context?.readonlyRootfs === true).filter((mount) => !taken.has(mount.destination));
  const binds = [...own, ...files].sort((a, b) => depth(a) - depth(b));
  const covered = new Set(binds.map((mount) => mount.destination));
  const standard = standardMounts(context?.privileged === true).filter(
    ({ destination }) => !covered.has(destination) && !(covered.has("/dev") && destination.startsWith("/dev/")),
  );
  const mounts = [...standard, ...binds];
  const rootfsPropagation = (["rshared", "rslave"] as const).find((word) =>
    own.some((mount) => mount.options.includes(word)),
  );
  return rootfsPropagation === undefined ? { mounts } : { mounts, rootfsPropagation };
}

function volumeMount({ target, source }: VolumeMount): Mount {
  return { destination: target, type: "bind", source, options: ["rbind", "rprivate", "rw"] };
}

function depth(mount: Mount): number {
  return mount.destination.split("/").length;
}

function standardMounts(privileged: boolean): Mount[] {
  const safe = ["nosuid", "noexec", "nodev"];
  const access = privileged ? "rw" : "ro";
  const mount = (destination: string, type: string, source: string, options: string[]): Mount => ({
    destination,
    type,
    source,
    options,
  });
  return [
    mount("/proc", "proc", "proc", safe),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    mount("/dev/shm", "tmpfs", "shm", [...safe, "mode=1777", "size=65536k"]),
    mount("/dev/mqueue", "mqueue", "mqueue", safe),
    mount("/sys", "sysfs", "sysfs", [...safe, access]),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", [...safe, "relatime", access]),
  ];
}

function sandboxMounts({ files, hostIpc }: MountsInput, readonly: boolean): Mount[] {
  const file = (destination: string, source: string | undefined, ...options: string[]): Mount[] =>
    source === undefined ? [] : [{ destination, type: "bind", source, options: ["rbind", "rprivate", ...options] }];
  const access = readonly ? "ro" : "rw";
  return [
    ...file("/etc/hostname", files.hostname, access),
    ...file("/etc/hosts", files.hosts, access),
    ...file("/etc/resolv.conf", files.resolvConf, access),
    ...file("/dev/shm", hostIpc ? "/dev/shm" : files.shm, "nosuid", "nodev", ...(hostIpc ? [] : ["noexec"]), "rw"),
  ];
}

function bindMount(mount: CriMount, index: number, source: MountSource | undefined): Mount {
  const target = checkMount(mount, index);
  const field = `mounts[${index}]`;
  if (source === undefined) throw new Error(`build spec: ${field} has no source`);
  if (target === "/proc" && !source.procfs) {
    throw invalidArgument(`read ${field}: only a procfs can be mounted on "/proc", ${quote(source.path)} is none`);
  }
  return {
    destination: target,
    type: "bind",
    source: source.path,
    options: ["rbind", propagation(mount, field, source), ...source.forbids, readMode(mount)],
  };
}

/**
 * What can be said of a mount without looking at the host.
 * @returns the target in its shortest form
 * @throws INVALID_ARGUMENT
 */
export function checkMount(mount: CriMount, index: number): string {
  const field = `mounts[${index}]`;
  if (isOfImage(mount)) checkImageMount(mount, field);
  else cleanPath(mount.hostPath, `${field}.host_path`);
  if (mount.recursiveReadOnly && !mount.readonly) {
    throw invalidArgument(`read ${field}.recursive_read_only: readonly is not set`);
  }
  if (mount.recursiveReadOnly && mount.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
    throw invalidArgument(`read ${field}.recursive_read_only: it needs private propagation`);
  }
  return checkMountTarget(mount.containerPath, `${field}.container_path`);
}

function isOfImage(mount: CriMount): boolean {
  return (mount.image?.image ?? "") !== "";
}

function checkImageMount(mount: CriMount, field: string): void {
  if (mount.hostPath !== "") throw invalidArgument(`read ${field}: it has both an image and a host_path`);
  if (!mount.readonly) throw invalidArgument(`read ${field}.readonly: an image is mounted read-only`);
  const path = mount.imageSubPath;
  checkPathText(path, `${field}.image_sub_path`);
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw invalidArgument(`read ${field}.image_sub_path: ${quote(path)} is not a relative path without ".."`);
  }
}

function readMode(mount: CriMount): string {
  if (!mount.readonly) return "rw";
  return mount.recursiveReadOnly ? "rro" : "ro";
}

function propagation(mount: CriMount, field: string, source: MountSource): string {
  const needs = (wanted: readonly MountSource["propagation"][], name: string) => {
    if (wanted.includes(source.propagation)) return;
    throw failedPrecondition(
      `set ${field}.propagation: value is ${name}, but ${quote(source.path)} lies on a ${source.propagation} mount`,
      { hint: `make it ${wanted.join(" or ")} with mount --make-r${wanted[0]}` },
    );
  };
  switch (mount.propagation) {
    case MountPropagation.PROPAGATION_BIDIRECTIONAL:
      needs(["shared"], "PROPAGATION_BIDIRECTIONAL");
      return "rshared";
    case MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
      needs(["shared", "slave"], "PROPAGATION_HOST_TO_CONTAINER");
      return "rslave";
    case MountPropagation.PROPAGATION_PRIVATE:
      return "rprivate";
    default:
      throw invalidArgument(`read ${field}.propagation: ${mount.propagation} is not a propagation`);
  }
}
