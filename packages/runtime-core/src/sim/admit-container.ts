import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  type LinuxContainerSecurityContext,
  type Mount,
  MountPropagation,
  Signal,
  SupplementalGroupsPolicy,
} from "@keelson/cri-api/v1";
import type { SandboxRecord } from "../ports/index.ts";
import {
  checkEnum,
  checkId,
  checkNamespaces,
  checkPath,
  checkProfile,
  checkResources,
  checkSelinux,
  checkText,
} from "./admit-values.ts";

/** The kernel takes no longer argument or environment string (MAX_ARG_STRLEN, with its closing NUL). */
const maxStringBytes = 128 * 1024 - 1;

/**
 * Looks at a container's configuration.
 * @throws INVALID_ARGUMENT for what means nothing; FAILED_PRECONDITION for a privileged one in a sandbox that is not
 */
export function admitContainer(config: ContainerConfig, sandbox: SandboxRecord): void {
  for (const part of ["command", "args"] as const) {
    for (const [index, word] of config[part].entries()) checkText(word, `${part}[${index}]`, maxStringBytes);
  }
  if (config.workingDir !== "") checkPath(config.workingDir, "working_dir");
  for (const [index, mount] of config.mounts.entries()) admitMount(mount, `mounts[${index}]`);
  for (const [index, device] of config.devices.entries()) {
    const field = `devices[${index}]`;
    checkPath(device.hostPath, `${field}.host_path`);
    if (device.containerPath !== "") checkPath(device.containerPath, `${field}.container_path`);
    const { permissions } = device;
    if (!/^[rwm]{0,3}$/.test(permissions) || new Set(permissions).size !== permissions.length) {
      throw invalidArgument(
        `read ${field}.permissions: ${quote(permissions)} is not made of r, w and m, each at most once`,
      );
    }
  }
  checkEnum(config.stopSignal, Signal, "stop_signal");
  checkResources(config.linux?.resources, "linux.resources");
  if (config.linux?.securityContext !== undefined) admitSecurity(config.linux.securityContext);
  const { securityContext } = sandbox.config.linux ?? {};
  if (config.linux?.securityContext?.privileged === true && securityContext?.privileged !== true) {
    throw failedPrecondition(`create container: it is privileged and its sandbox ${sandbox.id} is not`);
  }
}

function admitMount(mount: Mount, field: string): void {
  checkPath(mount.containerPath, `${field}.container_path`);
  const ofImage = mount.image !== undefined && mount.image.image !== "";
  if (ofImage && mount.hostPath !== "") throw invalidArgument(`read ${field}: it has both a host_path and an image`);
  if (ofImage && !mount.readonly) throw invalidArgument(`read ${field}.readonly: an image is mounted read-only`);
  if (ofImage && (mount.imageSubPath.startsWith("/") || mount.imageSubPath.split("/").includes(".."))) {
    throw invalidArgument(`read ${field}.image_sub_path: ${quote(mount.imageSubPath)} is no path inside the image`);
  }
  if (!ofImage) checkPath(mount.hostPath, `${field}.host_path`);
  checkEnum(mount.propagation, MountPropagation, `${field}.propagation`);
  if (mount.recursiveReadOnly && !mount.readonly) {
    throw invalidArgument(`read ${field}.recursive_read_only: it goes with readonly`);
  }
  if (mount.recursiveReadOnly && mount.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
    throw invalidArgument(`read ${field}.recursive_read_only: it goes with PROPAGATION_PRIVATE`);
  }
}

function admitSecurity(security: LinuxContainerSecurityContext): void {
  const at = "linux.security_context";
  const { capabilities } = security;
  for (const part of ["addCapabilities", "dropCapabilities", "addAmbientCapabilities"] as const) {
    for (const name of capabilities?.[part] ?? []) {
      if (/^(CAP_)?[A-Z_]{2,32}$/i.test(name)) continue;
      throw invalidArgument(`read ${at}.capabilities: ${quote(name)} is not a capability`);
    }
  }
  checkNamespaces(security.namespaceOptions, `${at}.namespace_options`);
  checkSelinux(security.selinuxOptions, `${at}.selinux_options`);
  if (security.runAsUser !== undefined) checkId(security.runAsUser.value, `${at}.run_as_user`);
  if (security.runAsUser !== undefined && security.runAsUsername !== "") {
    throw invalidArgument(`read ${at}: run_as_user and run_as_username are both set`);
  }
  if (security.runAsGroup !== undefined) {
    checkId(security.runAsGroup.value, `${at}.run_as_group`);
    if (security.runAsUser === undefined && security.runAsUsername === "") {
      throw invalidArgument(`read ${at}.run_as_group: it goes with run_as_user or run_as_username`);
    }
  }
  for (const [index, gid] of security.supplementalGroups.entries()) checkId(gid, `${at}.supplemental_groups[${index}]`);
  checkEnum(security.supplementalGroupsPolicy, SupplementalGroupsPolicy, `${at}.supplemental_groups_policy`);
  for (const path of security.maskedPaths) checkPath(path, `${at}.masked_paths`);
  for (const path of security.readonlyPaths) checkPath(path, `${at}.readonly_paths`);
  checkProfile(security.seccomp, `${at}.seccomp`);
  checkProfile(security.apparmor, `${at}.apparmor`);
}
