import { existsSync } from "node:fs";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import { hostNamespaces } from "../spec/namespaces.ts";
import { podSysctls, refuseSysctls } from "../spec/sysctls.ts";

/** What containerd 2 sets in a network namespace that says nothing else: low ports and ping need no capability there. */
const defaults: Readonly<Record<string, string>> = {
  "net/ipv4/ip_unprivileged_port_start": "0",
  "net/ipv4/ping_group_range": "0 2147483647",
};

/**
 * The sysctls of a pod by path below `/proc/sys`, with our defaults: what the namespace worker writes, inside the pod's
 * own namespaces and nowhere else (CVE-2022-0811).
 * @throws INVALID_ARGUMENT for what is no sysctl, or is set twice; FAILED_PRECONDITION for one that is the host's
 */
export function sandboxSysctls(config: PodSandboxConfig): Readonly<Record<string, string>> {
  const asked = config.linux?.sysctls ?? {};
  const host = hostNamespaces(config);
  const refused = refuseSysctls(asked, host);
  if (refused !== undefined) throw failedPrecondition(`set linux.sysctls: ${refused}`, { hint: "leave it out" });
  const wanted = new Map<string, string>();
  for (const { key, path, value } of podSysctls(asked)) {
    if (wanted.has(path)) throw invalidArgument(`set linux.sysctls: ${quote(key)} is set twice`);
    wanted.set(path, value);
  }
  if (!host.network) {
    for (const [path, value] of Object.entries(defaults)) {
      if (!wanted.has(path) && existsSync(`/proc/sys/${path}`)) wanted.set(path, value);
    }
  }
  return Object.fromEntries(wanted);
}
