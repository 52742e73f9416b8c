import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Json } from "@keelson/runtime-core/ports";
import { bandwidthOf } from "./bandwidth.ts";
import { portMappingsOf } from "./port-mappings.ts";

/**
 * CNI_ARGS of a pod, the ones that every Kubernetes runtime passes.
 * @throws INVALID_ARGUMENT for a name that would turn into other arguments
 */
export function cniArgsOf(sandboxId: string, config: PodSandboxConfig): readonly (readonly [string, string])[] {
  const { namespace = "", name = "", uid = "" } = config.metadata ?? {};
  const args = [
    ["IgnoreUnknown", "1"],
    ["K8S_POD_NAMESPACE", checked("metadata.namespace", namespace)],
    ["K8S_POD_NAME", checked("metadata.name", name)],
    ["K8S_POD_INFRA_CONTAINER_ID", sandboxId],
    ["K8S_POD_UID", checked("metadata.uid", uid)],
  ] as const;
  return args;
}

function checked(where: string, value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (!/[;=\u0000-\u001f\u007f]/.test(value)) return value;
  throw invalidArgument(`${where}: ${quote(value)} holds ";", "=" or a control character, which CNI_ARGS can't carry`);
}

/**
 * What a pod offers for the capabilities of plugins (CNI conventions, and what containerd adds). CRI has no source for
 * `ips` and `mac`.
 * @throws INVALID_ARGUMENT
 */
export function capabilityArgsOf(config: PodSandboxConfig): Readonly<Record<string, Json>> {
  const ports = portMappingsOf(config.portMappings);
  const bandwidth = bandwidthOf(config.annotations);
  const dns = config.dnsConfig;
  const cgroupParent = config.linux?.cgroupParent ?? "";
  return {
    "io.kubernetes.cri.pod-annotations": config.annotations,
    ...(ports.length === 0 ? {} : { portMappings: ports }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(dns === undefined ? {} : { dns: { servers: dns.servers, searches: dns.searches, options: dns.options } }),
    ...(cgroupParent === "" ? {} : { cgroupPath: cgroupParent }),
  };
}
