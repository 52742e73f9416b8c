import http2 from "node:http2";
import net from "node:net";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import type { Endpoint } from "@keelson/cri-api/endpoint";
import { canceled } from "@keelson/cri-api/errors";

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

/**
 * Above Node's 10: what a server does not take of a request that it has refused already waits here, and beyond the limit
 * Node resets every stream of the connection.
 */
const sessionMemoryMb = 64;

/**
 * One HTTP/2 session to an endpoint: dialled by the first call, again by the next call after it ended. Its 'error' event
 * is listened to for as long as the session lives: what ends a session (a peer that does not speak HTTP/2, say) fails
 * the calls on it and never the process. connect-node's own manager takes its listener away too early for that.
 */
export class Session implements SessionManager {
  readonly authority: string;
  readonly #endpoint: Endpoint;
  readonly #calls = new WeakMap<http2.ClientHttp2Session, number>();
  #session: http2.ClientHttp2Session | undefined;
  #closed = false;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    // the authority is what every CRI client sends on a unix socket
    this.authority =
      endpoint.kind === "unix" ? "http://localhost" : `http://${bracketed(endpoint.host)}:${endpoint.port}`;
  }

  /** Resolves when the request is sent; rejects with the cause of a connection that could not be made. */
  async request(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders,
    options: Omit<http2.ClientSessionRequestOptions, "signal">,
  ): Promise<http2.ClientHttp2Stream> {
    if (this.#closed) throw canceled("the connection is closed");
    const session = this.#live() ?? this.#dial();
    this.#hold(session);
    try {
      await connected(session);
      const stream = session.request({ ...headers, ":method": method, ":path": path }, options);
      stream.once("close", () => this.#release(session));
      return stream;
    } catch (error) {
      this.#release(session);
      throw error;
    }
  }

  notifyResponseByteRead(): void {
    // a local socket needs no pings
  }

  /** Ends the session and every call on it. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#session?.destroy();
  }

  /** A call keeps the process alive, an idle connection does not. */
  #hold(session: http2.ClientHttp2Session): void {
    const calls = (this.#calls.get(session) ?? 0) + 1;
    this.#calls.set(session, calls);
    if (calls === 1) session.ref();
  }

  #release(session: http2.ClientHttp2Session): void {
    const calls = (this.#calls.get(session) ?? 1) - 1;
    this.#calls.set(session, calls);
    if (calls === 0) session.unref();
  }

  #live(): http2.ClientHttp2Session | undefined {
    const session = this.#session;
    return session === undefined || session.closed || session.destroyed ? undefined : session;
  }

  #dial(): http2.ClientHttp2Session {
    const endpoint = this.#endpoint;
    const session = http2.connect(this.authority, {
      maxSessionMemory: sessionMemoryMb,
      createConnection: () =>
        endpoint.kind === "unix" ? net.connect(endpoint.path) : net.connect(endpoint.port, endpoint.host),
    });
    session.on("error", () => {});
    this.#session = session;
    return session;
  }
}

/** A session that is being dialled fails with the socket's own error, which says why. */
function connected(session: http2.ClientHttp2Session): Promise<void> {
  if (!session.connecting) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onConnect = (): void => settle(resolve);
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(canceled("the connection was closed while it was made")));
    const settle = (end: () => void): void => {
      session.off("connect", onConnect).off("error", onError).off("close", onClose);
      end();
    };
    session.on("connect", onConnect).on("error", onError).on("close", onClose);
  });
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
