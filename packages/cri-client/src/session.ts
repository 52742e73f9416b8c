import http2 from "node:http2";
import net from "node:net";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import type { Endpoint } from "@keelson/cri-api/endpoint";
import { CriError, canceled } from "@keelson/cri-api/errors";
import { mendHeaders } from "./mend-headers.ts";
import { tellAbruptEnd } from "./tell-abrupt-end.ts";

export type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

/**
 * Above Node's 10: what a server does not take of a request that it has refused already waits here, and beyond the limit
 * Node resets every stream of the connection.
 */
const sessionMemoryMb = 64;

/**
 * One HTTP/2 session to an endpoint, from its dial to its end; it is never dialled again. Its 'error' event is listened to
 * for as long as the session lives: what ends a session (a peer that does not speak HTTP/2, say) fails the calls on it and
 * never the process. connect-node's own manager takes its listener away too early for that.
 */
export class Session implements SessionManager {
  readonly authority: string;
  readonly #session: http2.ClientHttp2Session;
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers();
  #calls = 0;
  #connected = false;
  /** One for all calls that wait for the dial. */
  #connecting: Promise<void> | undefined;
  #greeted = false;
  #closed = false;
  #failure: unknown;
  #onEnd: ((cause: unknown) => void) | undefined;

  /** `onEnd` is told once, when no further call can begin: the connection broke, or the peer sent GOAWAY. */
  constructor(endpoint: Endpoint, onEnd?: (cause: unknown) => void) {
    this.authority = authorityOf(endpoint);
    this.#onEnd = onEnd;
    this.#session = http2.connect(this.authority, {
      maxSessionMemory: sessionMemoryMb,
      createConnection: () => connectTo(endpoint),
    });
    this.#session.on("error", (error) => {
      this.#failure ??= error;
    });
    this.#session.once("connect", () => {
      this.#connected = true;
    });
    this.#session.once("remoteSettings", () => {
      this.#greeted = true;
    });
    this.#session.on("goaway", () => this.#end(new Error("the runtime ends the connection (GOAWAY)")));
    this.#session.on("close", () => {
      this.#over.resolve();
      this.#end(this.#failure ?? new Error("the runtime closed the connection"));
    });
  }

  /** Whether the peer has spoken HTTP/2. */
  get greeted(): boolean {
    return this.#greeted;
  }

  /** Whether a call can begin. */
  get live(): boolean {
    return !this.#closed && !this.#session.closed && !this.#session.destroyed;
  }

  /** Whether the last call has ended, and the socket with it. */
  get gone(): boolean {
    return this.#session.destroyed;
  }

  /** Resolves when the request is sent; rejects with the cause of a connection that could not be made. */
  async request(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders,
    options: Omit<http2.ClientSessionRequestOptions, "signal">,
  ): Promise<http2.ClientHttp2Stream> {
    if (this.#closed) throw canceled("the connection is closed");
    this.#endIfDead();
    if (!this.live) throw this.#failure ?? new CriError("UNAVAILABLE", "the connection has ended", connectionLost);
    this.#hold();
    try {
      // not its `connecting`, which is false on Bun when the dial has failed and nothing has told it yet
      if (!this.#connected) {
        this.#connecting ??= connected(this.#session);
        await this.#connecting;
      }
      const stream = this.#session.request({ ...headers, ":method": method, ":path": path }, options);
      // before the transport's own listeners
      for (const event of ["response", "trailers"] as const) stream.once(event, mendHeaders);
      tellAbruptEnd(stream, this.#session);
      // before the call is told: who sees it fail sees the connection lost
      stream.on("error", (error) => this.#endIfDead(error));
      stream.once("close", () => {
        this.#endIfDead();
        this.#release();
      });
      return stream;
    } catch (error) {
      this.#release();
      if (!this.#session.destroyed) throw error;
      // one that failed before the request was made says only that it is destroyed: why is told until it is closed
      await this.#over.promise;
      throw this.#failure ?? error;
    }
  }

  notifyResponseByteRead(): void {
    // a local socket needs no pings
  }

  /** Ends the session as soon as the calls on it have ended. */
  drain(): void {
    this.#session.close();
  }

  /** Ends the session and every call on it. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#onEnd = undefined;
    // without an error Node closes the streams in silence, and calls on them would never end
    this.#session.destroy(canceled("the connection was closed"));
  }

  /** Not every death is told by the session's own events, nor before its calls are. */
  #endIfDead(error?: unknown): void {
    if (!this.live) this.#end(this.#failure ?? error ?? new Error("the runtime closed the connection"));
  }

  #end(cause: unknown): void {
    const tell = this.#onEnd;
    this.#onEnd = undefined;
    tell?.(cause);
  }

  /** A call keeps the process alive, an idle connection does not. */
  #hold(): void {
    if (++this.#calls === 1) this.#session.ref();
  }

  #release(): void {
    if (--this.#calls === 0) this.#session.unref();
  }
}

const connectionLost = { reason: "CONNECTION_LOST" } as const;

/** The authority is what every CRI client sends on a unix socket. */
export function authorityOf(endpoint: Endpoint): string {
  if (endpoint.kind !== "tcp") return "http://localhost";
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  // as URLs write it, which is how the transport compares
  return new URL(`http://${host}:${endpoint.port}`).origin;
}

function connectTo(endpoint: Endpoint): net.Socket {
  switch (endpoint.kind) {
    case "unix":
      return net.connect(endpoint.path);
    case "abstract":
      return net.connect(`\0${endpoint.name}`);
    case "tcp":
      return net.connect(endpoint.port, endpoint.host);
  }
}

/** A session that is being dialled fails with the socket's own error, which says why. */
function connected(session: http2.ClientHttp2Session): Promise<void> {
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
