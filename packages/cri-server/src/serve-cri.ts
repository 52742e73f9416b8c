import http2 from "node:http2";
import { formatEndpoint, parseEndpoint } from "@keelson/cri-api/endpoint";
import { invalidArgument } from "@keelson/cri-api/errors";
import { type CriVersion, criVersions } from "@keelson/cri-api/versions";
import type { Core, Log } from "@keelson/runtime-core";
import { grpcListener } from "./grpc-listener.ts";
import { Sessions, sessionLimits } from "./sessions.ts";
import { type BoundSocket, listenOnPath } from "./unix-socket.ts";

export interface ServeCriOptions {
  /** `unix:///path`; `tcp://127.0.0.1:port` for tests, loopback only. */
  readonly endpoint: string;
  /** Started: calls that come before are answered UNAVAILABLE. Stays the caller's to close. */
  readonly core: Core;
  /** The versions of CRI that are served. Default: all that there are. */
  readonly versions?: readonly CriVersion[];
  readonly log: Log;
  /** The socket's mode. Default 0660. */
  readonly socketMode?: number;
  /** How long `close` waits for calls that run. Default 5 seconds. */
  readonly drainMs?: number;
  /**
   * How long a caller may take to send a request, and to take its answer or the next part of it, before it is cut off.
   * Default 30 seconds; for the first words of a connection, 10 at most.
   */
  readonly stalledMs?: number;
}

export interface CriServer extends AsyncDisposable {
  /** Where it listens, as a client names it. */
  readonly endpoint: string;
  /**
   * Takes no more connections, ends streams with UNAVAILABLE, waits for the calls that run until the drain's deadline,
   * cuts off the rest. Idempotent.
   */
  close(): Promise<void>;
}

const greetingMs = 10_000;

/**
 * Serves a core as gRPC over HTTP/2 without TLS.
 * @throws ALREADY_EXISTS when another runtime listens there; INVALID_ARGUMENT; FAILED_PRECONDITION
 */
export async function serveCri(options: ServeCriOptions): Promise<CriServer> {
  const { core, versions = criVersions, log, socketMode = 0o660, drainMs = 5000, stalledMs = 30_000 } = options;
  const endpoint = parseEndpoint(options.endpoint);
  const stopping = new AbortController();
  const listener = grpcListener({ core, versions, log, stalledMs, stopping: stopping.signal });
  const server = http2.createServer(sessionLimits);
  server.on("stream", listener);
  const sessions = new Sessions(server, log, Math.min(greetingMs, stalledMs));

  let bound: BoundSocket | undefined;
  if (endpoint.kind === "unix") {
    bound = await listenOnPath(server, endpoint.path, socketMode);
  } else if (endpoint.kind === "abstract") {
    throw invalidArgument(`listen on ${formatEndpoint(endpoint)}: an abstract socket has no owner and no mode`, {
      hint: "listen on a unix socket in a folder that only root may write to",
    });
  } else {
    if (!isLoopback(endpoint.host)) {
      throw invalidArgument(`listen on ${formatEndpoint(endpoint)}: everybody on the network could run containers`, {
        hint: "listen on a unix socket, or on 127.0.0.1 for a test",
      });
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(endpoint.port, endpoint.host, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
  }
  server.on("error", (error) => log.error("server failed", { error }));
  log.info("listening", { endpoint: formatEndpoint(endpoint), versions: versions.join(",") });

  let closing: Promise<void> | undefined;
  const shutDown = async (): Promise<void> => {
    await bound?.unlink();
    stopping.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await sessions.drain(drainMs);
    await closed;
  };
  const close = (): Promise<void> => {
    closing ??= shutDown();
    return closing;
  };
  return { endpoint: formatEndpoint(endpoint), close, [Symbol.asyncDispose]: close };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(host);
}
