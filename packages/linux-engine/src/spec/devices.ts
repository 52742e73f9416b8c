import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { ContainerConfig, Device as CriDevice } from "@keelson/cri-api/v1";
import { cleanPath } from "./path-rules.ts";
import type { Device, DeviceRule, DeviceType } from "./runtime-spec.ts";

/** A device node of the host. */
export interface HostDevice {
  /** Absolute, on the host. */
  readonly path: string;
  readonly type: DeviceType;
  readonly major: number;
  readonly minor: number;
  /** Permission bits only. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * What the engine found at `host_path` of one of the configuration's devices, symbolic links followed: the device
 * itself, or all device nodes below a folder.
 */
export interface DeviceSource {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly nodes: readonly HostDevice[];
}

export interface DevicesInput {
  readonly config: ContainerConfig;
  /** One for each of `config.devices`, in their order. */
  readonly sources: readonly DeviceSource[];
  /** All nodes below the host's `/dev` (no terminals, no shm, no mqueue): what a privileged container gets. */
  readonly hostDevices: readonly HostDevice[];
}

const denyAll: DeviceRule = { allow: false, access: "rwm" };

/**
 * The device nodes of a container and the rules for them. The first rule always denies all (THREATS T3.07); the OCI
 * runtime itself adds null, zero, full, random, urandom, tty and ptmx.
 * @throws INVALID_ARGUMENT for permissions or a path that mean nothing; FAILED_PRECONDITION when the host path holds no
 *   device
 */
export function buildDevices(input: DevicesInput): { devices: Device[]; rules: DeviceRule[] } {
  const privileged = input.config.linux?.securityContext?.privileged === true;
  const byPath = new Map<string, Device>();
  const rules: DeviceRule[] = [denyAll];
  if (privileged) {
    for (const node of input.hostDevices) byPath.set(node.path, { ...node });
    rules.push({ allow: true, access: "rwm" });
  }
  for (const [index, device] of input.config.devices.entries()) {
    const { path, access } = checkDevice(device, index);
    const source = input.sources[index];
    if (source === undefined) throw new Error(`build spec: devices[${index}] has no source`);
    if (source.nodes.length === 0) {
      throw failedPrecondition(`add devices[${index}]: there is no device at ${quote(device.hostPath)}`);
    }
    for (const node of source.nodes) {
      const inside = path + node.path.slice(source.path.length);
      byPath.set(inside, { ...node, path: inside });
      rules.push({ allow: true, type: node.type, major: node.major, minor: node.minor, access });
    }
  }
  return { devices: [...byPath.values()], rules };
}

/** What can be said of a device without looking at the host. @throws INVALID_ARGUMENT */
export function checkDevice(device: CriDevice, index: number): { path: string; access: string } {
  const field = `devices[${index}]`;
  const hostPath = cleanPath(device.hostPath, `${field}.host_path`);
  const path = device.containerPath === "" ? hostPath : cleanPath(device.containerPath, `${field}.container_path`);
  const access = device.permissions === "" ? "rwm" : device.permissions;
  if (!/^[rwm]{1,3}$/.test(access) || new Set(access).size !== access.length) {
    throw invalidArgument(`read ${field}.permissions: ${quote(access)} is not made of r, w and m, each at most once`);
  }
  return { path, access };
}
