import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { Capability } from "@keelson/cri-api/v1";
import type { HostFacts, Reported } from "./host-facts.ts";
import type { Capabilities } from "./runtime-spec.ts";

/** All that Linux knows, in the order of their numbers (capabilities(7)). */
const known = `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
  NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
  SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
  SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** Names with `CAP_`, in the order of their numbers: what a container has when nothing is asked (as containerd, Docker). */
export const defaultCapabilities: readonly string[] = known.filter((name) =>
  "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP"
    .split(" ")
    .includes(name.slice(4)),
);

export interface CapabilitiesInput {
  readonly capability: Capability | undefined;
  readonly privileged: boolean;
  readonly facts: Pick<HostFacts, "capabilities">;
}

/**
 * The capability sets of a container. First ALL is added or dropped, then single ones are added, then dropped. A
 * privileged container has all that the host can give. Inheritable and ambient stay empty (THREATS T5.04) unless the
 * request adds ambient ones, which the kernel wants in the inheritable set too.
 * @throws INVALID_ARGUMENT for an unknown name; FAILED_PRECONDITION for one that the host can't give
 */
export function buildCapabilities(input: CapabilitiesInput): { sets: Capabilities; reported: Reported[] } {
  const { facts, capability } = input;
  const asked = readCapability(capability);
  const reported: Reported[] = [];
  const all = known.filter((name) => facts.capabilities.has(name));
  const held = new Set<string>();
  if (input.privileged || (asked.add.all && !asked.drop.all)) for (const name of all) held.add(name);
  else if (!asked.drop.all) {
    for (const name of defaultCapabilities) {
      if (facts.capabilities.has(name)) held.add(name);
      else reported.push({ field: "linux.security_context.capabilities", value: name, why: "the host can't give it" });
    }
  }
  if (!input.privileged) {
    const added = [...asked.add.names, ...asked.ambient];
    const why = refuseCapabilities(added, facts);
    if (why !== undefined) throw failedPrecondition(`add capabilities: ${why}`);
    for (const name of added) held.add(name);
    for (const name of asked.drop.names) held.delete(name);
  }
  const list = known.filter((name) => held.has(name));
  const ambient = list.filter((name) => asked.ambient.includes(name));
  return { sets: { bounding: list, effective: list, permitted: list, inheritable: ambient, ambient }, reported };
}

/** Why names to be added can't be; undefined when they can. ALL is what the host can give. @throws INVALID_ARGUMENT */
export function refuseCapabilities(
  names: readonly string[],
  facts: Pick<HostFacts, "capabilities">,
): string | undefined {
  for (const name of names.map((text) => text.toUpperCase())) {
    if (name !== "ALL" && !facts.capabilities.has(capabilityName(name, "capabilities"))) {
      return `this host can't give ${name}: the daemon's own bounding set lacks it`;
    }
  }
  return undefined;
}

interface AskedCapabilities {
  readonly add: { readonly all: boolean; readonly names: readonly string[] };
  readonly drop: { readonly all: boolean; readonly names: readonly string[] };
  readonly ambient: readonly string[];
}

/** Reads the names with or without `CAP_`, in any case. @throws INVALID_ARGUMENT for an unknown one */
export function readCapability(capability: Capability | undefined): AskedCapabilities {
  const read = (list: readonly string[], field: string) => {
    const upper = list.map((name) => name.toUpperCase());
    const names = upper.filter((name) => name !== "ALL").map((name) => capabilityName(name, field));
    return { all: upper.includes("ALL"), names };
  };
  const path = "linux.security_context.capabilities";
  const ambient = read(capability?.addAmbientCapabilities ?? [], `${path}.add_ambient_capabilities`);
  if (ambient.all) {
    throw invalidArgument(`read ${path}.add_ambient_capabilities: "ALL" is not possible, name each capability`);
  }
  return {
    add: read(capability?.addCapabilities ?? [], `${path}.add_capabilities`),
    drop: read(capability?.dropCapabilities ?? [], `${path}.drop_capabilities`),
    ambient: ambient.names,
  };
}

function capabilityName(upper: string, field: string): string {
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!known.includes(name)) throw invalidArgument(`read ${field}: ${quote(upper)} is not a capability`);
  return name;
}
