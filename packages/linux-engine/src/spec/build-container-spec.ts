import type { ContainerConfig, PodSandboxConfig } from "@keelson/cri-api/v1";
import { buildAnnotations } from "./annotations.ts";
import { buildAppArmorProfile } from "./apparmor.ts";
import { buildCapabilities } from "./capabilities.ts";
import { buildDevices, type DeviceSource, type HostDevice } from "./devices.ts";
import { buildEnvironment } from "./environment.ts";
import type { HostFacts, ImageProcessConfig, Reported } from "./host-facts.ts";
import type { VolumeMount } from "./image-volumes.ts";
import { buildMaskedPaths } from "./masked-paths.ts";
import { buildMounts, type MountSource, type SandboxFiles } from "./mounts.ts";
import { buildNamespaces, hostNamespaces, type PinnedNamespaces } from "./namespaces.ts";
import { buildOomScoreAdj } from "./oom-score.ts";
import { buildArgs, buildCwd } from "./process.ts";
import { buildResources } from "./resources.ts";
import type { Process, Spec } from "./runtime-spec.ts";
import { buildSeccomp } from "./seccomp/build-seccomp.ts";
import { reportPrivileged } from "./seccomp/profile-choice.ts";
import { buildStopSignal, type StopSignal } from "./stop-signal.ts";
import type { ResolvedUser } from "./users.ts";

export interface ContainerSpecInput {
  readonly config: ContainerConfig;
  /** The configuration that the sandbox was made with, not the one that came with the create. */
  readonly sandbox: PodSandboxConfig;
  readonly image: ImageProcessConfig;
  readonly facts: HostFacts;
  /** From {@link resolveUser}. */
  readonly user: ResolvedUser;
  /** The unpacked root file system, absolute or relative to the bundle. */
  readonly rootfs: string;
  /** From {@link buildCgroupsPath}. */
  readonly cgroupsPath: string;
  readonly pins: PinnedNamespaces;
  readonly files: SandboxFiles;
  /** One for each of `config.mounts`, in their order. */
  readonly mountSources: readonly MountSource[];
  /** Folders in place of volumes of the image. */
  readonly volumes?: readonly VolumeMount[];
  /** One for each of `config.devices`, in their order. */
  readonly deviceSources: readonly DeviceSource[];
  /** Only read for a privileged container. */
  readonly hostDevices: readonly HostDevice[];
  /** The text of the profile that {@link localhostSeccompPath} names; undefined when that is undefined. */
  readonly seccompProfile?: string | undefined;
  /** The operator's list for the handler: see {@link buildAnnotations}. */
  readonly allowedAnnotations: readonly string[];
}

export interface ContainerSpec {
  readonly spec: Spec;
  /** What a stop sends first. */
  readonly stopSignal: StopSignal;
  readonly reported: readonly Reported[];
}

/**
 * CRI configuration, image configuration and facts of the host → `config.json`. Pure: the same input gives the same
 * specification, nothing is read and nothing of the input is kept or changed (THREATS T3.12). The guard
 * ({@link admitContainer}) has run before; what it refuses is not looked for again here, and what only shows with the
 * host's facts is refused here.
 * @throws INVALID_ARGUMENT for values that mean nothing; FAILED_PRECONDITION for what this host can't keep
 */
export function buildContainerSpec(input: ContainerSpecInput): ContainerSpec {
  const { config, sandbox, facts } = input;
  const context = config.linux?.securityContext;
  const namespaces = buildNamespaces(input);
  const process = buildProcess(input);
  const devices = buildDevices({ config, sources: input.deviceSources, hostDevices: input.hostDevices });
  const resources = buildResources(config.linux?.resources, facts);
  const { mounts, rootfsPropagation } = buildMounts({
    config,
    files: input.files,
    sources: input.mountSources,
    ...(input.volumes === undefined ? {} : { volumes: input.volumes }),
    hostIpc: hostNamespaces(sandbox).ipc,
  });
  const seccomp = buildSeccomp({
    context,
    facts,
    capabilities: process.process.capabilities.bounding,
    localhostProfile: input.seccompProfile,
  });
  const annotations = buildAnnotations({
    pod: sandbox.annotations,
    container: config.annotations,
    allowed: input.allowedAnnotations,
  });
  const { maskedPaths, readonlyPaths } = buildMaskedPaths(context);
  const spec: Spec = {
    ociVersion: "1.0.2",
    root: { path: input.rootfs, readonly: context?.readonlyRootfs === true },
    process: process.process,
    mounts,
    linux: {
      namespaces: namespaces.namespaces,
      cgroupsPath: input.cgroupsPath,
      resources: { devices: devices.rules, ...resources.resources },
      ...(devices.devices.length === 0 ? {} : { devices: devices.devices }),
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(maskedPaths.length === 0 ? {} : { maskedPaths }),
      ...(readonlyPaths.length === 0 ? {} : { readonlyPaths }),
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
    },
    ...(Object.keys(annotations.annotations).length === 0 ? {} : { annotations: annotations.annotations }),
  };
  const reported = [
    ...[namespaces, process, resources, annotations].flatMap((part) => part.reported),
    ...reportPrivileged(context),
  ];
  return { spec, stopSignal: buildStopSignal(config, input.image), reported };
}

function buildProcess(input: ContainerSpecInput): { process: Process; reported: Reported[] } {
  const { config, facts, image, sandbox, user } = input;
  const context = config.linux?.securityContext;
  const capabilities = buildCapabilities({
    capability: context?.capabilities,
    privileged: context?.privileged === true,
    facts,
  });
  const env = buildEnvironment({
    image: image.env ?? [],
    config: config.envs,
    hostname: sandbox.hostname === "" ? facts.hostname : sandbox.hostname,
    terminal: config.tty,
    home: user.home,
  });
  // Always written: without it a container would inherit the daemon's, which is often protected.
  const oom = buildOomScoreAdj(config.linux?.resources?.oomScoreAdj ?? 0n, facts);
  const apparmorProfile = buildAppArmorProfile(context, facts);
  const process: Process = {
    terminal: config.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: buildArgs(config, image),
    env,
    cwd: buildCwd(config, image),
    capabilities: capabilities.sets,
    noNewPrivileges: context?.noNewPrivs === true,
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    oomScoreAdj: oom.value,
  };
  return { process, reported: [...capabilities.reported, ...oom.reported] };
}
