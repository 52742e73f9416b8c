import { invalidArgument, quote } from "@keelson/cri-api/errors";

/** The kind of namespace that a sysctl belongs to. */
export type SysctlNamespace = "net" | "ipc";

export interface SysctlPlace {
  /** Path below `/proc/sys`, such as `net/ipv4/ip_forward`. */
  readonly path: string;
  readonly namespace: SysctlNamespace;
}

const longestKey = 256;
const longestValue = 4096;

/**
 * Where a sysctl lies that belongs to a pod's own namespaces (kubernetes.io, "Using sysctls in a Kubernetes Cluster"):
 * `net.*`, `kernel.shm*`, `kernel.msg*`, `kernel.sem`, `fs.mqueue.*`. As sysctl(8) has it, the first separator decides:
 * in `net.ipv4.conf.eth0/100.forwarding` and `net/ipv4/conf/eth0.100/forwarding` the interface is `eth0.100`.
 * @throws INVALID_ARGUMENT for any other key, and for one that is no path
 */
export function sysctlPlace(key: string): SysctlPlace {
  const dotted = /[./]/.exec(key)?.[0] === ".";
  const path = dotted ? key.replace(/[./]/g, (c) => (c === "." ? "/" : ".")) : key;
  const parts = path.split("/");
  const clean = parts.every((part) => /^[A-Za-z0-9_.:@-]+$/.test(part) && part !== "." && part !== "..");
  if (key.length > longestKey || parts.length < 2 || !clean)
    throw invalidArgument(`set sysctl ${quote(key)}: not a key`);
  const namespace = namespaceOf(parts);
  if (namespace !== undefined) return { path, namespace };
  throw invalidArgument(`set sysctl ${quote(key)}: not one of a pod's own namespaces`, {
    hint: "a pod can set net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*",
  });
}

/** @throws INVALID_ARGUMENT for a value that is more than one line of text */
export function checkSysctlValue(key: string, value: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (value.length > longestValue || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
    throw invalidArgument(`set sysctl ${quote(key)}: ${quote(value)} is not a value`);
  }
}

function namespaceOf(parts: readonly string[]): SysctlNamespace | undefined {
  const [first, second = ""] = parts;
  if (first === "net") return "net";
  if (first === "kernel" && parts.length === 2 && /^(?:shm[a-z_]+|msg[a-z_]+|sem)$/.test(second)) return "ipc";
  if (first === "fs" && second === "mqueue" && parts.length === 3) return "ipc";
  return undefined;
}
