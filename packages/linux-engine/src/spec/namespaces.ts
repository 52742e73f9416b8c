import { failedPrecondition } from "@keelson/cri-api/errors";
import { type ContainerConfig, NamespaceMode, type PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Reported } from "./host-facts.ts";
import type { Namespace, NamespaceType } from "./runtime-spec.ts";

/** Where the engine keeps a pod's namespaces: bind mounts of `/proc/PID/ns/*`. Absent is the host's own. */
export interface PinnedNamespaces {
  readonly network?: string;
  readonly ipc?: string;
  readonly uts?: string;
  /** The shared one of the pod, or the target container's for pid TARGET. */
  readonly pid?: string;
}

export interface NamespacesInput {
  readonly config: ContainerConfig;
  readonly sandbox: PodSandboxConfig;
  readonly pins: PinnedNamespaces;
}

/** Which namespaces of the host a pod lives in, by its sandbox's options. */
export interface HostNamespaces {
  readonly network: boolean;
  readonly ipc: boolean;
  readonly pid: boolean;
  /** The host's name comes with the host's network, as containerd and Docker have it. */
  readonly uts: boolean;
}

export function hostNamespaces(sandbox: PodSandboxConfig): HostNamespaces {
  const options = sandbox.linux?.securityContext?.namespaceOptions;
  const network = options?.network === NamespaceMode.NODE;
  return { network, uts: network, ipc: options?.ipc === NamespaceMode.NODE, pid: options?.pid === NamespaceMode.NODE };
}

/** Whether the containers of a pod see each other's processes; a sandbox without `namespace_options` asks for nothing. */
export function sharesProcessIds(sandbox: PodSandboxConfig): boolean {
  return sandbox.linux?.securityContext?.namespaceOptions?.pid === NamespaceMode.POD;
}

/**
 * The namespaces of a container. Network, IPC and UTS are the pod's: its sandbox decides, the container's options can
 * only agree (the guard refuses others). A pin that should be there and is not is an error, never the host's namespace.
 *
 * Process IDs: CONTAINER is a namespace of its own; NODE the host's; TARGET the pinned one. POD is the pod's shared one
 * (`pins.pid`), which is there when the sandbox has asked for it, and refused where not. A request without
 * `namespace_options` can't be told from one that never thought of it (crictl's smallest JSON), so without a shared
 * namespace it gets one of its own, which isolates more than was asked, and this is reported.
 */
export function buildNamespaces(input: NamespacesInput): { namespaces: Namespace[]; reported: Reported[] } {
  const host = hostNamespaces(input.sandbox);
  const privileged = input.config.linux?.securityContext?.privileged === true;
  const pid = pidNamespace(input, host);
  const namespaces: Namespace[] = [{ type: "mount" }, ...pid.namespaces];
  for (const type of ["network", "ipc", "uts"] as const) {
    if (!host[type]) namespaces.push({ type, path: pinned(input.pins, type) });
  }
  if (!privileged) namespaces.push({ type: "cgroup" });
  return { namespaces, reported: pid.reported };
}

function pidNamespace(
  { config, sandbox, pins }: NamespacesInput,
  host: HostNamespaces,
): { namespaces: Namespace[]; reported: Reported[] } {
  const field = "linux.security_context.namespace_options.pid";
  const options = config.linux?.securityContext?.namespaceOptions;
  const own = { namespaces: [{ type: "pid" } as const], reported: [] };
  const none = { namespaces: [], reported: [] };
  switch (options?.pid) {
    case NamespaceMode.CONTAINER:
      return own;
    case NamespaceMode.NODE:
      if (!host.pid) throw failedPrecondition(`set ${field}: value is NODE, but the sandbox has its own namespace`);
      return none;
    case NamespaceMode.TARGET:
      return { namespaces: [{ type: "pid", path: pinned(pins, "pid") }], reported: [] };
  }
  if (host.pid) return none;
  if (pins.pid !== undefined) return { namespaces: [{ type: "pid", path: pins.pid }], reported: [] };
  if (options !== undefined) {
    throw failedPrecondition(`set ${field}: value is POD, and this pod has no shared namespace`, {
      hint: "set it to POD (0) in the sandbox, too, or to CONTAINER (1) in both",
    });
  }
  if (sandbox.linux?.securityContext?.namespaceOptions?.pid === NamespaceMode.CONTAINER) return own;
  const why = "no namespace_options were sent: the container has process IDs of its own";
  return { namespaces: own.namespaces, reported: [{ field, value: "unset", why }] };
}

function pinned(pins: PinnedNamespaces, type: NamespaceType & keyof PinnedNamespaces): string {
  const path = pins[type];
  if (path === undefined) throw new Error(`build spec: the ${type} namespace of the pod is not pinned`);
  return path;
}
