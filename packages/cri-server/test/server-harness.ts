import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { type Core, createCore, createSystemClock, silentLog } from "@keelson/runtime-core";
import { createFaults, createMemoryLogs, createMemoryStore, createSimulatedEngine } from "@keelson/runtime-core/sim";
import { onTestFinished } from "vitest";
import { type CriServer, type ServeCriOptions, serveCri } from "../src/index.ts";

/** A folder of its own for one test. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-server-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function startCore() {
  const clock = createSystemClock();
  const faults = createFaults();
  const engine = createSimulatedEngine({ clock, logs: createMemoryLogs(), faults });
  const core = createCore({ engine, store: createMemoryStore(), clock, log: silentLog, runtimeVersion: "0.0.0" });
  await core.start();
  onTestFinished(() => core.close());
  return { core, faults };
}

/** A served core on a socket of its own. */
export async function startServer(options: Partial<ServeCriOptions> = {}) {
  const folder = await testFolder();
  const path = join(folder, "s");
  const { core, faults } = await startCore();
  const server = await open({ core, endpoint: `unix://${path}`, ...options });
  return { server, core, faults, folder, path };
}

export async function open(options: Partial<ServeCriOptions> & { readonly core: Core; readonly endpoint: string }) {
  const server: CriServer = await serveCri({ log: silentLog, ...options });
  onTestFinished(() => server.close());
  return server;
}

function transport(path: string): Transport {
  return createGrpcTransport({
    baseUrl: "http://localhost",
    nodeOptions: { createConnection: () => net.createConnection(path) },
  });
}

export function clients(path: string, version: CriVersion = "v1") {
  const { runtime, image } = criServices[version];
  const one = transport(path);
  return { runtime: createClient(runtime, one), images: createClient(image, one) };
}

export function connect(path: string, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const createConnection = (): net.Socket => net.createConnection(path);
  const session = http2.connect("http://localhost", { ...options, createConnection });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

export interface RawAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
}

/** A gRPC call by its raw parts. */
export async function rawCall(
  session: http2.ClientHttp2Session,
  path: string,
  body: readonly Uint8Array[] = [new Uint8Array(5)],
  otherHeaders: http2.OutgoingHttpHeaders = {},
): Promise<RawAnswer> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...otherHeaders,
  });
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  let headers: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  stream.on("response", (got) => {
    headers = { ...got };
  });
  stream.on("trailers", (got) => {
    trailers = { ...got };
  });
  stream.on("error", reject);
  stream.on("close", () => resolve({ headers, trailers }));
  stream.resume();
  for (const part of body) stream.write(part);
  stream.end();
  return await promise;
}

/** One HTTP/2 frame (RFC 9113, section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** Header fields as HPACK literals without indexing (RFC 7541, section 6.2.2). */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
}

export const preface: Buffer = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]);
