import net from "node:net";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type Endpoint, formatEndpoint } from "@keelson/cri-api/endpoint";

/** One HTTP/2 connection to an endpoint; it is dialled when the first call needs it, and again when it broke. */
export interface Connection {
  /** For messages: `unix:///run/keelson/keelsond.sock`. */
  readonly endpoint: string;
  readonly transport: Transport;
  close(): void;
}

/**
 * Above Node's 10: what a server does not take of a request that it has refused already waits here, and beyond the limit
 * Node resets every stream of the connection.
 */
const sessionMemoryMb = 64;
/** The largest message: what kubelet and runtimes set. */
const longestMessageBytes = 16 * 1024 * 1024;

export function openConnection(endpoint: Endpoint): Connection {
  // the authority is what every CRI client sends on a unix socket
  const baseUrl = endpoint.kind === "unix" ? "http://localhost" : `http://${bracketed(endpoint.host)}:${endpoint.port}`;
  const nodeOptions = {
    maxSessionMemory: sessionMemoryMb,
    ...(endpoint.kind === "unix" && { createConnection: () => net.createConnection(endpoint.path) }),
  };
  const sessions = new Http2SessionManager(baseUrl, {}, nodeOptions);
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: sessions,
    readMaxBytes: longestMessageBytes,
    writeMaxBytes: longestMessageBytes,
  });
  return { endpoint: formatEndpoint(endpoint), transport, close: () => sessions.abort() };
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
