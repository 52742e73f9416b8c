import { type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultyRuntime, firstCall, frame, frameTypes, good, grpcHeaders, word } from "./faulty-runtime.ts";

let runtime: FaultyRuntime;
let cri: CriConnection;
let states: string[];
let told: () => void;
beforeEach(async () => {
  runtime = await FaultyRuntime.start();
  states = [];
  told = () => {};
  cri = await connectCri({
    runtimeEndpoint: runtime.socket,
    timeoutMs: 5000,
    backoff: { initialMs: 5, maxMs: 20 },
    onEvent: (event: CriConnectionEvent) => {
      if (event.type === "state") states.push(event.state.name);
      told();
    },
  });
});
afterEach(async () => {
  cri.close();
  await runtime[Symbol.asyncDispose]();
});

const lost = { name: "CriError", code: "UNAVAILABLE", reason: "CONNECTION_LOST" };
/** What a call may take to settle when its connection ends. */
const soonMs = 1000;
const goaway = (last: number, code: number): Buffer =>
  frame(frameTypes.goaway, 0, 0, Buffer.concat([word(last), word(code)]));
/** `:status: 200`, of HPACK's static table. */
const status200 = Buffer.from([0x88]);
/** A header field `a: bbb…`, literally and without indexing. */
const literal = Buffer.concat([Buffer.from([0, 1, 0x61, 126]), Buffer.alloc(126, 0x62)]);
const fields = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => literal));
const endHeaders = 4;
/** Of a message in its envelope. */
const half = Buffer.from([0, 0, 0, 0, 9, 1]);

const interrupted = Buffer.concat([
  frame(frameTypes.headers, 0, firstCall, status200),
  frame(frameTypes.ping, 0, 0, Buffer.alloc(8)),
]);
const endless = Buffer.concat([
  frame(frameTypes.headers, 0, firstCall, status200),
  ...Array.from({ length: 1000 }, () => frame(frameTypes.continuation, 0, firstCall, fields(100))),
]);

function goodbyeAndDestroy(): void {
  runtime.sessions[0]?.close();
  setImmediate(() => runtime.sessions[0]?.destroy());
}

function goodbyeAndEnd(): void {
  runtime.inject(goaway(2 ** 31 - 1, 0));
  runtime.wires[0]?.end();
}

async function until(name: string): Promise<void> {
  while (cri.state.runtime.name !== name) {
    await new Promise<void>((resolve) => {
      told = resolve;
    });
  }
}

/** Calls of every kind that wait for their answer: with a deadline, without one, and a stream that has begun. */
async function waiting(): Promise<readonly Promise<unknown>[]> {
  const held = ["ListContainers", "PullImage", "GetContainerEvents"].map((name) => runtime.held(name));
  const events = cri.runtime.getContainerEvents({})[Symbol.asyncIterator]();
  const calls = [cri.runtime.listContainers({}), cri.images.pullImage({}), events.next()];
  const [list, , stream] = await Promise.all(held);
  for (const begun of [list, stream]) {
    begun?.respond(grpcHeaders);
    begun?.write(half);
  }
  return calls;
}

async function settledSoon(calls: readonly Promise<unknown>[]): Promise<readonly PromiseSettledResult<unknown>[]> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not settled in ${soonMs} ms`)), soonMs);
  try {
    return await Promise.race([Promise.allSettled(calls), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

describe("a connection that is at fault ends its calls typed and at once, and is made again:", () => {
  const faults: readonly (readonly [string, () => void])[] = [
    ["it is broken off", () => runtime.wires[0]?.destroy()],
    ["it is half-closed", () => runtime.wires[0]?.end()],
    ["the runtime ends it in order", () => runtime.sessions[0]?.destroy()],
    ["the runtime ends it in order, late", goodbyeAndDestroy],
    ["text", () => runtime.inject(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["garbage", () => runtime.inject(Buffer.alloc(4096, 0xa5))],
    ["a frame that is longer than agreed", () => runtime.inject(frame(0, 0, firstCall, Buffer.alloc(32 * 1024)))],
    [
      "headers of a stream that nobody opened",
      () => runtime.inject(frame(frameTypes.headers, endHeaders, 99, status200)),
    ],
    [
      "headers that can't be decoded",
      () => runtime.inject(frame(frameTypes.headers, endHeaders, firstCall, word(~0 >>> 0))),
    ],
    ["headers that another frame interrupts", () => runtime.inject(interrupted)],
    [
      "a window beyond all bounds",
      () => runtime.inject(frame(frameTypes.settings, 0, 0, Buffer.from("0004ffffffff", "hex"))),
    ],
    [
      "a push that nobody allowed",
      () => runtime.inject(frame(frameTypes.push, endHeaders, firstCall, Buffer.from("00000002828684", "hex"))),
    ],
    ["goodbye, for an error", () => runtime.inject(goaway(0, 2))],
    ["goodbye, and the end", goodbyeAndEnd],
    ["headers that go on and on", () => runtime.inject(endless)],
  ];

  it.each(faults)("%s", async (_, fault) => {
    const calls = await waiting();
    fault();
    for (const call of await settledSoon(calls)) expect(call).toMatchObject({ status: "rejected", reason: lost });
    // who has seen a call fail with its connection gets the next one
    expect(await cri.runtime.version({}, { waitForReady: true, timeoutMs: 5000 })).toBeDefined();
    expect(states.slice(0, 5)).toEqual(["negotiating", "ready", "lost", "redialing", "ready"]);
  });
});

describe("goodbye without an error", () => {
  it("ends the calls that the runtime has not begun, lets the others end, and no later one is made there", async () => {
    const held = runtime.held("Status");
    const begun = cri.runtime.status({});
    const stream = await held;
    const later = ["ListContainers", "PullImage"].map((name) => runtime.held(name));
    const late = [cri.runtime.listContainers({}), cri.images.pullImage({})];
    await Promise.all(later);
    stream.session?.goaway(0, stream.id);
    for (const call of await settledSoon(late)) expect(call).toMatchObject({ status: "rejected", reason: lost });
    await until("ready");
    expect(await cri.runtime.version({})).toBeDefined();
    expect(runtime.connections).toBe(2);
    good(stream);
    expect(await begun).toBeDefined();
  });
});

it("headers that never end hold up their call until its deadline, and the next call no longer than its own", async () => {
  const held = runtime.held("Status");
  const call = cri.runtime.status({}, { timeoutMs: 300 });
  await held;
  runtime.inject(frame(frameTypes.headers, 0, firstCall, status200));
  await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", message: expect.stringContaining("300 ms") });
  const began = performance.now();
  await cri.runtime.version({}, { timeoutMs: 300 }).catch((error: unknown) => error);
  expect(performance.now() - began).toBeLessThan(soonMs);
  expect(await cri.runtime.version({}, { waitForReady: true, timeoutMs: 5000 })).toBeDefined();
});
