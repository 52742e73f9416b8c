// A registry on loopback that does what a test tells it, also what no registry should do; it keeps what it was sent.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltBlob, BuiltImage } from "../src/build/index.ts";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** Names and values as they stood on the wire. */
  readonly rawHeaders: readonly string[];
}

export interface ScriptedRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, or `https://…` */
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly seen: readonly SeenRequest[];
  /** Bytes that arrived on its port, also those that are no HTTP. */
  bytesReceived(): number;
  /** Everything that was requested, for a search. */
  transcript(): string;
}

export type Script = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export async function startScriptedRegistry(script: Script, tls?: ServerOptions): Promise<ScriptedRegistry> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let closedBytes = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = "", url = "", headers, rawHeaders } = request;
    seen.push({ method, url, headers, rawHeaders });
    response.on("error", () => undefined);
    void (async () => script(request, response))().catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closedBytes += socket.bytesRead;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return {
    url: `${tls === undefined ? "http" : "https"}://${host}`,
    host,
    seen,
    bytesReceived: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, closedBytes),
    transcript: () => JSON.stringify(seen),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Content by path: `manifests/TAG`, `manifests/DIGEST`, `blobs/DIGEST`. */
export type Content = ReadonlyMap<string, BuiltBlob>;

/** What a registry has for these images by tag, and for further documents. */
export function contentOf(images: Readonly<Record<string, BuiltImage | BuiltBlob>>): Map<string, BuiltBlob> {
  const content = new Map<string, BuiltBlob>();
  for (const [tag, item] of Object.entries(images)) {
    const manifest = "manifest" in item ? item.manifest : item;
    content.set(`manifests/${tag}`, manifest);
    content.set(`manifests/${manifest.descriptor.digest}`, manifest);
    if (!("manifest" in item)) continue;
    for (const blob of [item.config, ...item.layers]) content.set(`blobs/${blob.descriptor.digest}`, blob);
  }
  return content;
}

/** A registry that behaves: any repository has the content, ranges are honoured. */
export function serve(content: Content): Script {
  return (request, response) => {
    const path = /\/(manifests|blobs)\/[^/?]+/.exec(request.url ?? "")?.[0].slice(1) ?? "";
    const found = content.get(path);
    if (found === undefined) return sendError(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
    const { digest, mediaType, size } = found.descriptor;
    const isManifest = path.startsWith("manifests/");
    response.setHeader("content-type", isManifest ? mediaType : "application/octet-stream");
    response.setHeader("docker-content-digest", digest);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${size - 1}/${size}`);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": found.bytes.byteLength - from });
    response.end(request.method === "HEAD" ? undefined : found.bytes.subarray(from));
  };
}

export function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

export interface RegistryFolder extends AsyncDisposable {
  /** The folder to give as configPath. */
  readonly path: string;
}

/** A `certs.d` with these hosts.toml files by domain. */
export async function writeHosts(files: Readonly<Record<string, string>>): Promise<RegistryFolder> {
  const path = await mkdtemp(join(tmpdir(), "keelson-hosts-"));
  for (const [domain, text] of Object.entries(files)) {
    const folder = join(path, domain.replace(/:(\d+)$/, "_$1_"));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "hosts.toml"), text);
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** A `certs.d` that allows plain HTTP to each of these hosts, by their own name. */
export async function plainHosts(...hosts: readonly string[]): Promise<RegistryFolder> {
  return await writeHosts(Object.fromEntries(hosts.map((host) => [host, `server = "http://${host}"\n`])));
}
