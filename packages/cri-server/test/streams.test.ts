import { once } from "node:events";
import { type ClientHttp2Stream, constants } from "node:http2";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Core,
  type CoreOptions,
  createCore,
  createSystemClock,
  type LogFields,
  silentLog,
} from "@keelson/runtime-core";
import { createMemoryLogs, createMemoryStore, createSimulatedEngine } from "@keelson/runtime-core/sim";
import { describe, expect, it, onTestFinished } from "vitest";
import { clients, connect, open, testFolder } from "./server-harness.ts";

const eventsPath = "/runtime.v1.RuntimeService/GetContainerEvents";
const listPath = "/runtime.v1.RuntimeService/StreamPodSandboxes";

/** A server whose core hands out events by these limits, with what it warned of. */
async function startStreams(events: CoreOptions["events"] = {}, options: { readonly stalledMs?: number } = {}) {
  const clock = createSystemClock();
  const warnings: (LogFields & { readonly message: string })[] = [];
  const log = { ...silentLog, warn: (message: string, fields = {}) => void warnings.push({ message, ...fields }) };
  const engine = createSimulatedEngine({ clock, logs: createMemoryLogs() });
  const core = createCore({ engine, store: createMemoryStore(), clock, log, runtimeVersion: "0", events });
  await core.start();
  onTestFinished(() => core.close());
  const path = join(await testFolder(), "s");
  const server = await open({ core, endpoint: `unix://${path}`, log, drainMs: 500, ...options });
  return { core, server, path, warnings, ...clients(path) };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Calls that nobody reads, over sessions of 500 each, with windows of 1 KiB. */
function callWithoutReading(socket: string, method: string, count: number): readonly ClientHttp2Stream[] {
  const perSession = 500;
  const settings = { initialWindowSize: 1024 };
  const sessions = Array.from({ length: Math.ceil(count / perSession) }, () => connect(socket, { settings }));
  return Array.from({ length: count }, (_, index) => {
    const session = sessions[Math.floor(index / perSession)];
    if (session === undefined) throw new Error("there is no session");
    const headers = { ":method": "POST", ":path": method, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ...headers, "user-agent": `hung/${index}` });
    stream.on("error", () => {});
    stream.end(new Uint8Array(5));
    return stream;
  });
}

let pods = 0;

/** One more pod: two events, of some 2 KiB each. */
async function runPod({ runtime }: Pick<ReturnType<typeof clients>, "runtime">, bytes = 2000): Promise<string> {
  const metadata = { name: `pod-${pods}`, namespace: "default", uid: `uid-${pods++}` };
  const annotations = { filler: "x".repeat(bytes) };
  return (await runtime.runPodSandbox({ config: { metadata, annotations } })).podSandboxId;
}

/** A caller that reads: how many events it has got, and how it ended. */
function read({ runtime }: Pick<ReturnType<typeof clients>, "runtime">) {
  const got: string[] = [];
  const ended = (async () => {
    for await (const event of runtime.getContainerEvents({})) got.push(event.containerId);
  })().then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  return { got, ended };
}

async function subscribed(core: Core, count: number): Promise<void> {
  await until(() => core.events.size === count);
}

describe("GetContainerEvents over a socket", () => {
  it("cuts off 400 who do not read, names each once, and holds up nobody else", { timeout: 30_000 }, async () => {
    const started = await startStreams({ mostEvents: 20, openingMs: 0 }, { stalledMs: 3000 });
    const { core, path, warnings, runtime } = started;
    const reader = read(started);
    const hung = callWithoutReading(path, eventsPath, 400);
    await subscribed(core, 401);
    const closed = hung.map((stream) => new Promise((resolve) => stream.once("close", resolve)));
    for (let index = 0; index < 15; index++) await runPod(started);
    await until(() => reader.got.length === 30);
    await subscribed(core, 1);
    expect((await runtime.version({})).runtimeName).toBe("keelson");
    await Promise.all(closed);
    expect(new Set(hung.map(({ rstCode }) => rstCode))).toEqual(new Set([constants.NGHTTP2_ENHANCE_YOUR_CALM]));
    const callers = warnings.map(({ caller }) => caller);
    expect(callers.toSorted()).toEqual(hung.map((_, index) => `"hung/${index}"`).toSorted());
  });

  it("cuts off who does not take an event in time, and names it", async () => {
    const started = await startStreams({}, { stalledMs: 200 });
    const { core, path, warnings } = started;
    const [hung] = callWithoutReading(path, eventsPath, 1);
    await subscribed(core, 1);
    const closed = new Promise((resolve) => hung?.once("close", resolve));
    await runPod(started);
    await closed;
    expect(hung?.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await until(() => warnings.length > 0);
    expect(warnings).toEqual([expect.objectContaining({ url: eventsPath, caller: '"hung/0"' })]);
    await subscribed(core, 0);
  });

  it("lets who is idle stay, however long", async () => {
    const started = await startStreams({}, { stalledMs: 100 });
    const reader = read(started);
    await subscribed(started.core, 1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await runPod(started);
    await until(() => reader.got.length === 2);
  });

  it("tells a caller that was too slow RESOURCE_EXHAUSTED, and lets it begin anew", async () => {
    const started = await startStreams({ mostEvents: 4, openingMs: 0 });
    const { core, runtime } = started;
    const events = runtime.getContainerEvents({})[Symbol.asyncIterator]();
    const first = events.next();
    await subscribed(core, 1);
    // until the windows and buffers of both sides are full
    while (core.events.size > 0) await runPod(started, 64 * 1024);
    await first;
    const end = (async () => {
      while ((await events.next()).done !== true);
    })();
    await expect(end).rejects.toMatchObject({ code: Code.ResourceExhausted });
    const reader = read(started);
    await subscribed(core, 1);
    const id = await runPod(started);
    await until(() => reader.got.includes(id));
  });

  it("ends with UNAVAILABLE when the server closes, at once", async () => {
    const started = await startStreams();
    const reader = read(started);
    await subscribed(started.core, 1);
    const began = performance.now();
    await started.server.close();
    expect(performance.now() - began).toBeLessThan(400);
    expect((await reader.ended)?.code).toBe(Code.Unavailable);
  });

  it("ends with the connection of its caller", async () => {
    const { core, path } = await startStreams();
    const session = connect(path);
    session
      .request({ ":method": "POST", ":path": eventsPath, "content-type": "application/grpc", te: "trailers" })
      .on("error", () => {})
      .end(new Uint8Array(5));
    await subscribed(core, 1);
    session.destroy();
    await subscribed(core, 0);
  });
});

describe("a streamed list over a socket", () => {
  it("that nobody reads is cut off, and no more of it was made than one part", { timeout: 20_000 }, async () => {
    const started = await startStreams({}, { stalledMs: 500 });
    for (let index = 0; index < 6; index++) await runPod(started, 1_000_000);
    const [hung] = callWithoutReading(started.path, listPath, 1);
    await new Promise((resolve) => hung?.once("close", resolve));
    expect(hung?.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await until(() => started.warnings.length > 0);
    expect(started.warnings).toEqual([expect.objectContaining({ url: listPath })]);
  });
});

describe("256 lists of 1 MiB at once on one connection", { timeout: 60_000 }, () => {
  const long = process.env.KEELSON_LONG === undefined ? [] : ["StreamPodSandboxes"];
  it.each(["ListPodSandbox", ...long])("all succeed: %s", async (method) => {
    const started = await startStreams();
    for (let index = 0; index < 16; index++) await runPod(started, 64 * 1024);
    const session = connect(started.path);
    const answers = Array.from({ length: 256 }, () => readAll(session, `/runtime.v1.RuntimeService/${method}`));
    for (const { status, bytes } of await Promise.all(answers)) {
      expect(status).toBe("0");
      expect(bytes).toBeGreaterThan(1024 * 1024);
    }
  });
});

/** The status and the size of an answer. */
async function readAll(session: ReturnType<typeof connect>, method: string) {
  const headers = { ":method": "POST", ":path": method, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers);
  let status: unknown;
  let bytes = 0;
  stream.on("trailers", (trailers) => {
    status = trailers["grpc-status"];
  });
  stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
  });
  stream.end(new Uint8Array(5));
  await once(stream, "close");
  return { status, bytes };
}
