import { base64Encode } from "@bufbuild/protobuf/wire";
import type { ContainerConfig, PodSandboxConfig } from "@keelson/cri-api/v1";

/** Where a container finds its termination log, when the kubelet does not say otherwise. */
const defaultTerminationLog = "/dev/termination-log";
const terminationLogAnnotation = "io.kubernetes.container.terminationMessagePath";

/** What makes two requests for a sandbox the same request. */
export function sandboxFingerprint(config: PodSandboxConfig, runtimeHandler: string): string {
  return canonicalJson([runtimeHandler, config]);
}

/**
 * What makes two requests for a container the same request. The kubelet draws two things anew for each try of one
 * container: the order of `envs` (it walks a Go map) and the host path of the termination log.
 */
export function containerFingerprint(config: ContainerConfig): string {
  const terminationLog = Object.hasOwn(config.annotations, terminationLogAnnotation)
    ? config.annotations[terminationLogAnnotation]
    : defaultTerminationLog;
  return canonicalJson({
    ...config,
    envs: config.envs.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
    mounts: config.mounts.map((mount) => (mount.containerPath === terminationLog ? { ...mount, hostPath: "" } : mount)),
  });
}

/** JSON with sorted keys, for messages: bigints as decimal strings, bytes as base64, what is undefined left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, function canonical(this: unknown, key: string): unknown {
    // not the second argument: a byte view's own toJSON has already spoilt it there
    const part = (this as Readonly<Record<string, unknown>>)[key];
    if (typeof part === "bigint") return `${part}n`;
    if (part instanceof Uint8Array) return base64Encode(part);
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    // pairs, because an object's own "__proto__" and number-like keys have an order and a meaning of their own
    return Object.entries(part)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  });
}
