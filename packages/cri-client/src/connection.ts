import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Endpoint, formatEndpoint } from "@keelson/cri-api/endpoint";
import { authorityOf, Session, type SessionManager } from "./session.ts";

/** One HTTP/2 connection to an endpoint, for calls of any version. */
export interface Connection {
  /** For messages: `unix:///run/keelson/keelsond.sock`. */
  readonly endpoint: string;
  readonly transport: Transport;
  /** Ends the connection and every call on it. Idempotent. */
  close(): void;
}

export interface ConnectionOptions {
  /** The largest message, each way. Default 16 MiB, which is what kubelet and runtimes set. */
  readonly maxMessageBytes?: number;
}

/** The kubelet's own limit for a message. */
export const defaultMaxMessageBytes: number = 16 * 1024 * 1024;

/** A connection that is dialled when a call needs it, and again when it broke. It knows nothing of versions. */
export function openConnection(endpoint: Endpoint, options: ConnectionOptions = {}): Connection {
  let closed = false;
  let session: Session | undefined;
  const manager: SessionManager = {
    authority: authorityOf(endpoint),
    request: (...call) => {
      // a session that was closed says so to those who still ask
      if (session === undefined || (!closed && !session.live)) session = new Session(endpoint);
      if (closed) session.close();
      return session.request(...call);
    },
    notifyResponseByteRead() {},
  };
  return {
    endpoint: formatEndpoint(endpoint),
    transport: transportOver(manager, options),
    close() {
      closed = true;
      session?.close();
    },
  };
}

/** A connection of one life: dialled now, never again. `onEnd` is told once, when no further call can begin on it. */
export interface DialledConnection extends Connection {
  readonly live: boolean;
  /** Whether the last call on it has ended, and the socket with it. */
  readonly gone: boolean;
  /** Whether the peer has spoken HTTP/2. */
  readonly greeted: boolean;
  /** Ends the connection as soon as the calls on it have ended: none begins any more. */
  drain(): void;
}

export function dialConnection(
  endpoint: Endpoint,
  options: ConnectionOptions & { readonly onEnd: (cause: unknown) => void },
): DialledConnection {
  const session = new Session(endpoint, options.onEnd);
  return {
    endpoint: formatEndpoint(endpoint),
    transport: transportOver(session, options),
    get live() {
      return session.live;
    },
    get gone() {
      return session.gone;
    },
    get greeted() {
      return session.greeted;
    },
    drain: () => session.drain(),
    close: () => session.close(),
  };
}

function transportOver(
  manager: SessionManager,
  { maxMessageBytes = defaultMaxMessageBytes }: ConnectionOptions,
): Transport {
  return createGrpcTransport({
    baseUrl: manager.authority,
    sessionManager: manager,
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
  });
}
