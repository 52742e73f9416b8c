import { invalidArgument, notFound, quote } from "@keelson/cri-api/errors";
import { NamespaceMode, type PodSandboxConfig, Protocol, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import {
  checkEnum,
  checkId,
  checkNamespaces,
  checkProfile,
  checkResources,
  checkSelinux,
  checkText,
} from "./admit-values.ts";

/**
 * Looks at a sandbox's configuration.
 * @throws INVALID_ARGUMENT for what means nothing; NOT_FOUND for a handler that the node does not have
 */
export function admitSandbox(config: PodSandboxConfig, handler: string, handlers: readonly string[]): void {
  if (handler !== "" && !handlers.includes(handler)) {
    throw notFound(
      `find runtime handler ${quote(handler)}: this node has ${[`""`, ...handlers.map((one) => quote(one))].join(", ")}`,
      {
        hint: "list it under handlers in the script",
      },
    );
  }
  if (config.hostname !== "" && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(config.hostname)) {
    throw invalidArgument(`read hostname: ${quote(config.hostname)} is not a host's name of at most 64 characters`);
  }
  for (const [index, { protocol }] of config.portMappings.entries()) {
    checkEnum(protocol, Protocol, `port_mappings[${index}].protocol`);
  }
  admitLinux(config);
}

function admitLinux(config: PodSandboxConfig): void {
  const { linux } = config;
  if (linux === undefined) return;
  checkText(linux.cgroupParent, "linux.cgroup_parent", 4096);
  if (linux.cgroupParent.split("/").includes("..")) {
    throw invalidArgument(`read linux.cgroup_parent: ${quote(linux.cgroupParent)} climbs by ".."`);
  }
  checkResources(linux.overhead, "linux.overhead");
  checkResources(linux.resources, "linux.resources");
  for (const [name, value] of Object.entries(linux.sysctls)) {
    if (!/^[A-Za-z0-9_.*/-]{1,256}$/.test(name) || name.split(/[./]/).includes("")) {
      throw invalidArgument(`read linux.sysctls: ${quote(name)} is not a sysctl's name`);
    }
    if (/[\n\r\0+]/.test(value))
      throw invalidArgument(`read linux.sysctls[${quote(name)}]: ${quote(value)} is not one value`);
  }
  const security = linux.securityContext;
  if (security === undefined) return;
  const at = "linux.security_context";
  checkNamespaces(security.namespaceOptions, `${at}.namespace_options`);
  if (security.namespaceOptions?.pid === NamespaceMode.TARGET) {
    throw invalidArgument(`read ${at}.namespace_options.pid: TARGET is for containers`);
  }
  checkSelinux(security.selinuxOptions, `${at}.selinux_options`);
  if (security.runAsUser !== undefined) checkId(security.runAsUser.value, `${at}.run_as_user`);
  if (security.runAsGroup !== undefined) {
    checkId(security.runAsGroup.value, `${at}.run_as_group`);
    if (security.runAsUser === undefined) throw invalidArgument(`read ${at}.run_as_group: it goes with run_as_user`);
  }
  for (const [index, gid] of security.supplementalGroups.entries()) checkId(gid, `${at}.supplemental_groups[${index}]`);
  checkEnum(security.supplementalGroupsPolicy, SupplementalGroupsPolicy, `${at}.supplemental_groups_policy`);
  checkProfile(security.seccomp, `${at}.seccomp`);
  checkProfile(security.apparmor, `${at}.apparmor`);
}
