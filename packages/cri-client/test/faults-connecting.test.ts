import { once } from "node:events";
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultyRuntime, frame, frameTypes, good, grpcHeaders, word } from "./faulty-runtime.ts";

const timeoutMs = 400;
let folder: string;
let socket: string;
const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-faults-"));
  socket = join(folder, "cri.sock");
});
afterEach(async () => {
  for (const one of sockets) one.destroy();
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true });
});

async function listen(server: net.Server): Promise<void> {
  servers.push(server);
  server.on("connection", (one: net.Socket) => {
    sockets.add(one);
    one.on("error", () => {});
    one.on("close", () => sockets.delete(one));
  });
  server.listen(socket);
  await once(server, "listening");
}

/** A peer that sends these bytes to whoever connects, and nothing else. */
const speaking = (bytes: Uint8Array, then?: (one: net.Socket) => void): Promise<void> =>
  listen(
    net.createServer((one) => {
      one.resume();
      one.write(bytes);
      then?.(one);
    }),
  );

const web = (answer: (stream: http2.ServerHttp2Stream) => void): Promise<void> => {
  const server = http2.createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    answer(stream);
  });
  server.on("sessionError", () => {});
  return listen(server);
};

const page = (stream: http2.ServerHttp2Stream): void => {
  stream.respond({ ":status": 200 });
  stream.end("hello");
};

/** A server's preface: its settings, empty. */
const settings = frame(frameTypes.settings, 0, 0);
/** The begin of a TLS 1.2 handshake. */
const tlsHello = Buffer.from("160303003d0200003903035f", "hex");

const away = { code: "UNAVAILABLE", reason: "NOT_LISTENING" };
const lost = { code: "UNAVAILABLE", reason: "CONNECTION_LOST" };
const notGrpc = { code: "INTERNAL", reason: "NOT_GRPC" };
const silent = { code: "DEADLINE_EXCEEDED", message: expect.stringContaining(`${timeoutMs} ms`) };

describe("what can't be connected to is told typed, by name and in time:", () => {
  const peers: readonly (readonly [string, () => Promise<unknown>, object])[] = [
    ["nothing", async () => {}, away],
    ["a folder", () => mkdir(socket), { ...away, message: expect.stringContaining("it is a folder") }],
    [
      "a regular file",
      () => writeFile(socket, ""),
      { ...away, message: expect.stringContaining("it is a regular file") },
    ],
    ["a link to nothing", () => symlink(join(folder, "none"), socket), away],
    ["a socket that nobody listens on", leftSocket, away],
    ["an HTTP/1 server", () => listen(http.createServer((_, response) => response.end("hello"))), notGrpc],
    ["a line of text", () => speaking(Buffer.from("220 mail.example ESMTP\r\n")), notGrpc],
    ["bytes without meaning", () => speaking(Buffer.alloc(64 * 1024, 0xa5)), notGrpc],
    ["a TLS server", () => speaking(tlsHello), notGrpc],
    ["less than a frame, and the end", () => speaking(Buffer.from("garbage"), (one) => one.end()), lost],
    ["a peer that hangs up", () => speaking(Buffer.alloc(0), (one) => one.destroy()), lost],
    ["a peer that says nothing", () => speaking(Buffer.alloc(0)), silent],
    ["a peer that greets and says no more", () => speaking(settings), silent],
    ["a peer that greets and hangs up", () => speaking(settings, (one) => one.end()), lost],
    [
      "a peer that says goodbye",
      () => speaking(Buffer.concat([settings, frame(frameTypes.goaway, 0, 0, Buffer.concat([word(0), word(0)]))])),
      lost,
    ],
    [
      "a web server without the page",
      () => web((stream) => stream.respond({ ":status": 404 }, { endStream: true })),
      notGrpc,
    ],
    ["a web server with a page", () => web(page), notGrpc],
    [
      "a web server that is closed",
      () => web((stream) => stream.respond({ ":status": 503 }, { endStream: true })),
      notGrpc,
    ],
    ["a server that refuses every stream", () => web((stream) => stream.close(7)), lost],
    ["a server that answers half", () => web((stream) => stream.respond(grpcHeaders)), silent],
  ];
  it.each(peers)("%s", async (_, prepare, error) => {
    await prepare();
    const states: string[] = [];
    const onEvent = (event: CriConnectionEvent): void => {
      if (event.type === "state") states.push(event.state.name);
    };
    const began = performance.now();
    await expect(connectCri({ runtimeEndpoint: socket, timeoutMs, onEvent })).rejects.toMatchObject({
      name: "CriError",
      ...error,
    });
    expect(performance.now() - began).toBeLessThan(timeoutMs + 1000);
    await expect(connectCri({ runtimeEndpoint: socket, timeoutMs })).rejects.toThrow(socket);
    // never taken for a runtime of an older version
    expect(states).toEqual(["negotiating", "closed"]);
    // what ends a session comes after the failed call, and would end the process
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  });
});

/** The file of a server that was killed. */
async function leftSocket(): Promise<void> {
  const name = join(folder, "bound");
  const server = net.createServer().listen(name);
  await once(server, "listening");
  // a hard link survives the removal at the end
  await link(name, socket);
  server.close();
  await once(server, "close");
}

describe("a runtime that appears later", () => {
  it.each([
    ["nothing there before", async () => {}],
    ["the file of one that was killed", leftSocket],
  ])("is waited for: %s", async (_, before) => {
    await before();
    const told: string[] = [];
    const connecting = connectCri({
      runtimeEndpoint: socket,
      timeoutMs: 10_000,
      waitForReady: true,
      backoff: { initialMs: 10, maxMs: 50 },
      onEvent: (event) => told.push(event.type === "state" ? event.state.name : event.type),
    });
    while (!told.includes("closed")) await new Promise((resolve) => setImmediate(resolve));
    await rm(socket, { force: true });
    await using runtime = await FaultyRuntime.start();
    await symlink(runtime.socket, socket);
    const cri = await connecting;
    runtime.answers.set("Status", good);
    expect(await cri.runtime.status({})).toBeDefined();
    cri.close();
  });
});
