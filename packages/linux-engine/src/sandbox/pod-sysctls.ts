import { existsSync } from "node:fs";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import { hostNamespaces } from "../spec/namespaces.ts";
import { checkSysctlValue, sysctlPlace } from "../sys/sysctl.ts";

/** What containerd 2 sets in a network namespace that says nothing else: low ports and ping need no capability there. */
const defaults: Readonly<Record<string, string>> = {
  "net/ipv4/ip_unprivileged_port_start": "0",
  "net/ipv4/ping_group_range": "0 2147483647",
};

/**
 * The sysctls of a pod, by path below `/proc/sys`, with our defaults (THREATS T6.01).
 * @throws INVALID_ARGUMENT for what is no sysctl of a pod's own namespaces, or is set twice; FAILED_PRECONDITION when its
 *   namespace is the host's
 */
export function podSysctls(config: PodSandboxConfig): Readonly<Record<string, string>> {
  const host = hostNamespaces(config);
  const isHost = { net: host.network, ipc: host.ipc };
  const wanted = new Map<string, string>();
  for (const [key, value] of Object.entries(config.linux?.sysctls ?? {})) {
    const place = sysctlPlace(key);
    checkSysctlValue(key, value);
    if (isHost[place.namespace]) {
      throw failedPrecondition(`set sysctl ${quote(key)}: the pod uses the host's ${place.namespace} namespace`, {
        hint: "leave it out, or give the pod a namespace of its own",
      });
    }
    if (wanted.has(place.path)) throw invalidArgument(`set sysctl ${quote(key)}: it is set twice`);
    wanted.set(place.path, value);
  }
  if (!host.network) {
    for (const [path, value] of Object.entries(defaults)) {
      if (!wanted.has(path) && existsSync(`/proc/sys/${path}`)) wanted.set(path, value);
    }
  }
  return Object.fromEntries(wanted);
}
