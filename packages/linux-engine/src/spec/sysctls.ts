import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { HostNamespaces } from "./namespaces.ts";

/** A kernel parameter of a pod, to be written by code that is inside the pod's namespaces, and nowhere else. */
export interface Sysctl {
  /** In the form of `sysctl`: parts with dots between, a dot inside a part as `/`. */
  readonly key: string;
  /** The file, below `/proc/sys`. */
  readonly path: string;
  readonly value: string;
  readonly namespace: "ipc" | "network";
}

/** The parameters that a kernel keeps for each IPC namespace; of the network, all below `net` (as runc has it). */
const ipcFiles: ReadonlySet<string> = new Set(
  "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced".split(" ").map((name) => `kernel/${name}`),
);

/**
 * Reads the sysctls of a pod.
 * @throws INVALID_ARGUMENT for a key or value that could mean something else than it says (THREATS T6.01)
 */
export function readSysctls(sysctls: Readonly<Record<string, string>>): (Sysctl | UnkeptSysctl)[] {
  return Object.entries(sysctls).map(([key, value]) => {
    const field = `linux.sysctls[${quote(key, 100)}]`;
    const path = sysctlPath(key, field);
    if (!/^[A-Za-z0-9_.,:/ \t-]{0,1024}$/.test(value)) {
      throw invalidArgument(`read ${field}: ${quote(value)} is not a plain value`);
    }
    return { key, path, value, namespace: namespaceOf(path) };
  });
}

/** A parameter of the whole machine, or of a namespace that is not the pod's. */
export interface UnkeptSysctl extends Omit<Sysctl, "namespace"> {
  readonly namespace: undefined;
}

/** Why the first sysctl that can't be kept is refused; undefined when all can. @throws as {@link readSysctls} */
export function refuseSysctls(sysctls: Readonly<Record<string, string>>, host: HostNamespaces): string | undefined {
  for (const { key, namespace } of readSysctls(sysctls)) {
    if (namespace === undefined) return `${quote(key)} belongs to the whole machine`;
    if (host[namespace]) return `${quote(key)} belongs to the host: the pod lives in the host's ${namespace} namespace`;
  }
  return undefined;
}

/** What the engine has to write. It has been admitted before. */
export function podSysctls(sysctls: Readonly<Record<string, string>>): Sysctl[] {
  return readSysctls(sysctls).map((sysctl) => {
    if (sysctl.namespace === undefined) throw new Error(`write sysctl ${sysctl.key}: it was not admitted`);
    return sysctl;
  });
}

function namespaceOf(path: string): Sysctl["namespace"] | undefined {
  if (path.startsWith("net/")) return "network";
  return ipcFiles.has(path) || path.startsWith("fs/mqueue/") ? "ipc" : undefined;
}

/** sysctl(8): the first separator decides; the other one then is a dot inside a name (`net/ipv4/conf/eth0.100/…`). */
function sysctlPath(key: string, field: string): string {
  const slashed = /^[^./]*\//.test(key);
  const parts = slashed ? key.split("/") : key.split(".").map((part) => part.replaceAll("/", "."));
  const isName = (part: string) => /^[A-Za-z0-9_.-]{1,64}$/.test(part) && part !== "." && part !== "..";
  if (parts.length < 2 || parts.length > 16 || !parts.every(isName)) {
    throw invalidArgument(`read ${field}: ${quote(key)} is not the name of a sysctl`);
  }
  return parts.join("/");
}
