import { createHash } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import * as tls from "node:tls";
import type { RegistryFetch, RegistryRequest, RegistryResponse, TlsSettings } from "./transport.ts";

export interface NodeFetchOptions {
  /** Connections to one registry at once; default 8. */
  readonly maxConnections?: number;
  /** How long an idle connection is kept for the next request, in ms; default 15,000. */
  readonly idleConnectionMs?: number;
}

export interface NodeFetch extends AsyncDisposable {
  readonly fetch: RegistryFetch;
  /** Closes every connection. Idempotent. */
  close(): Promise<void>;
}

const maxHeaderBytes = 16 * 1024;

/**
 * A {@link RegistryFetch} over `node:http` and `node:https` (Node, Bun, Deno). Each origin with its TLS settings has a
 * connection pool and TLS sessions of its own, so that nothing proved to one identity serves another.
 */
export function createNodeFetch(options: NodeFetchOptions = {}): NodeFetch {
  const pools = new Map<string, http.Agent>();
  const pool = (request: RegistryRequest): http.Agent => {
    const key = `${request.url.origin} ${fingerprint(request.tls)}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    const agent = openPool(request, options);
    pools.set(key, agent);
    return agent;
  };
  const close = async (): Promise<void> => {
    for (const agent of pools.values()) agent.destroy();
    pools.clear();
  };
  return { fetch: (request) => exchange(request, pool(request)), close, [Symbol.asyncDispose]: close };
}

function fingerprint(settings: TlsSettings): string {
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}

function openPool({ url, tls: settings }: RegistryRequest, options: NodeFetchOptions): http.Agent {
  const shared = {
    keepAlive: true,
    maxSockets: options.maxConnections ?? 8,
    timeout: options.idleConnectionMs ?? 15_000,
  };
  return url.protocol === "https:" ? new https.Agent({ ...shared, ...tlsOptions(settings) }) : new http.Agent(shared);
}

function tlsOptions(settings: TlsSettings): https.AgentOptions {
  return {
    rejectUnauthorized: !settings.skipVerify,
    minVersion: "TLSv1.2",
    ...(settings.ca.length > 0 && { ca: [...tls.rootCertificates, ...systemRoots(), ...settings.ca] }),
    ...(settings.client.length > 0 && {
      cert: settings.client.map((pair) => pair.cert),
      key: settings.client.map((pair) => pair.key),
    }),
  };
}

// `ca` replaces the roots, so they are named again; runtimes that can't list the system's leave those out
function systemRoots(): readonly string[] {
  return typeof tls.getCACertificates === "function" ? tls.getCACertificates("system") : [];
}

function exchange(request: RegistryRequest, agent: http.Agent): Promise<RegistryResponse> {
  const { url, method, body, signal, dialTimeoutMs, headersTimeoutMs } = request;
  const headers: Record<string, string | number> = Object.fromEntries(request.headers);
  if (body !== undefined) headers["content-length"] = body.byteLength;
  const send = url.protocol === "https:" ? https.request : http.request;
  const { promise, resolve, reject } = Promise.withResolvers<RegistryResponse>();
  const outgoing = send(url, { method, headers, agent, signal, maxHeaderSize: maxHeaderBytes });
  const limit = (ms: number, what: string): NodeJS.Timeout =>
    setTimeout(() => outgoing.destroy(timeout(`no ${what} within ${ms} ms`)), ms);
  const dialing = limit(dialTimeoutMs, "connection");
  const waiting = limit(headersTimeoutMs, "answer");
  outgoing.on("socket", (socket) => {
    if (!socket.connecting) clearTimeout(dialing);
    else socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => clearTimeout(dialing));
  });
  outgoing.on("response", (incoming) => resolve(toResponse(incoming, method)));
  outgoing.on("error", reject);
  outgoing.on("close", () => {
    clearTimeout(dialing);
    clearTimeout(waiting);
    reject(new Error("the connection was closed before an answer came"));
  });
  promise.then(
    () => clearTimeout(waiting),
    () => clearTimeout(waiting),
  );
  outgoing.end(body);
  return promise;
}

function timeout(message: string): Error {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

function toResponse(incoming: http.IncomingMessage, method: string): RegistryResponse {
  // the reader of the body gets the error; without a reader it must not end the process
  incoming.on("error", () => undefined);
  const hasBody = method !== "HEAD";
  if (!hasBody) incoming.resume();
  return {
    status: incoming.statusCode ?? 0,
    header(name) {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: incoming,
    discard(reason) {
      if (hasBody) incoming.destroy(reason);
    },
  };
}
