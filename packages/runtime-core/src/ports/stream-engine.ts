import type { AttachRequest, ExecRequest, PortForwardRequest } from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "./records.ts";

/**
 * Streams into containers and sandboxes.
 *
 * Life: a verb prepares a stream and returns its URL; the stream begins when a client connects there, which it may do
 * once and for about a minute. A verb that is not there is answered UNIMPLEMENTED.
 * @throws RESOURCE_EXHAUSTED when too many URLs wait
 */
export interface StreamEngine {
  /** A command in a running container. */
  exec?(record: ContainerRecord, request: ExecRequest): Promise<string>;
  /** The main process of a running container. */
  attach?(record: ContainerRecord, request: AttachRequest): Promise<string>;
  /** Ports in the network of a READY sandbox. */
  portForward?(record: SandboxRecord, request: PortForwardRequest): Promise<string>;
}
