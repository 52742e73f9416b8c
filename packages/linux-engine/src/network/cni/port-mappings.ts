import { isIP } from "node:net";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { type PortMapping, Protocol } from "@keelson/cri-api/v1";

/** What the "portMappings" capability takes (CNI conventions). */
export type CniPortMapping = {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** "" for all local addresses. */
  readonly hostIP: string;
};

const protocols = { [Protocol.TCP]: "tcp", [Protocol.UDP]: "udp", [Protocol.SCTP]: "sctp" } as const;

/**
 * The mappings that ask for a port of the host; the others (`host_port` 0) only tell of the pod's own ports.
 * The same mapping twice counts once: containers of a pod may name the same port.
 * @throws INVALID_ARGUMENT for what is no port, protocol or address, and for a host port that leads to two places
 */
export function portMappingsOf(mappings: readonly PortMapping[]): readonly CniPortMapping[] {
  const seen = new Map<string, number>();
  return mappings.flatMap((mapping, index) => {
    const where = `port_mappings[${index}]`;
    const { hostPort, containerPort, hostIp } = mapping;
    const protocol = (protocols as Readonly<Record<number, CniPortMapping["protocol"]>>)[mapping.protocol];
    if (hostPort === 0) return [];
    if (protocol === undefined) throw invalidArgument(`${where}.protocol: ${mapping.protocol} is none`);
    refusePort(`${where}.host_port`, hostPort);
    refusePort(`${where}.container_port`, containerPort);
    if (hostIp !== "" && (isIP(hostIp) === 0 || hostIp.includes("%"))) {
      throw invalidArgument(`${where}.host_ip: ${quote(hostIp)} is not an address`);
    }
    const key = `${protocol} ${hostIp} ${hostPort}`;
    const before = seen.get(key);
    if (before === containerPort) return [];
    if (before !== undefined) {
      throw invalidArgument(`${where}: host port ${hostPort}/${protocol} leads to ${before} and to ${containerPort}`);
    }
    seen.set(key, containerPort);
    return [{ hostPort, containerPort, protocol, hostIP: hostIp }];
  });
}

function refusePort(where: string, port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalidArgument(`${where}: ${port} is not a port (1 to 65535)`);
  }
}
