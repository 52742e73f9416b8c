import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Endpoint, formatEndpoint } from "@keelson/cri-api/endpoint";
import { Session } from "./session.ts";

/** One HTTP/2 connection to an endpoint; it is dialled when the first call needs it, and again when it broke. */
export interface Connection {
  /** For messages: `unix:///run/keelson/keelsond.sock`. */
  readonly endpoint: string;
  readonly transport: Transport;
  close(): void;
}

/** The largest message: what kubelet and runtimes set. */
const longestMessageBytes = 16 * 1024 * 1024;

export function openConnection(endpoint: Endpoint): Connection {
  const session = new Session(endpoint);
  const transport = createGrpcTransport({
    baseUrl: session.authority,
    sessionManager: session,
    readMaxBytes: longestMessageBytes,
    writeMaxBytes: longestMessageBytes,
  });
  return { endpoint: formatEndpoint(endpoint), transport, close: () => session.close() };
}
