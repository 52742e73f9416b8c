import type http2 from "node:http2";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  answer,
  envelope,
  FaultyRuntime,
  frame,
  frameTypes,
  good,
  grpcHeaders,
  word,
} from "./faulty-runtime.ts";

const limit = 1024 * 1024;
let runtime: FaultyRuntime;
let cri: CriConnection;
beforeEach(async () => {
  runtime = await FaultyRuntime.start();
  cri = await connectCri({ runtimeEndpoint: runtime.socket, timeoutMs: 5000, maxMessageBytes: limit });
});
afterEach(async () => {
  cri.close();
  await runtime[Symbol.asyncDispose]();
});

const lost = { name: "CriError", code: "UNAVAILABLE", reason: "CONNECTION_LOST" };
const notGrpc = { name: "CriError", code: "INTERNAL", reason: "NOT_GRPC" };

const half = Buffer.from([0, 0, 0, 0, 9, 1]);
const begun =
  (body?: Uint8Array): Answer =>
  (stream) => {
    stream.respond(grpcHeaders);
    if (body !== undefined) stream.write(body);
  };
const whole =
  (body: Uint8Array): Answer =>
  (stream) => {
    stream.respond(grpcHeaders);
    stream.end(body);
  };
const page =
  (headers: http2.OutgoingHttpHeaders): Answer =>
  (stream) => {
    stream.respond(headers);
    stream.end("<html>");
  };
const nothing = Buffer.alloc(0);
const ok = { "grpc-status": "0" };

describe("a call whose answer is at fault settles typed, and its connection goes on", () => {
  const faults: readonly (readonly [string, Answer, object])[] = [
    ["headers that are all", (stream) => stream.respond(grpcHeaders, { endStream: true }), notGrpc],
    ["a message and no trailers", whole(envelope()), notGrpc],
    ["trailers without grpc-status", answer(envelope(), { "x-other": "1" }), notGrpc],
    ["an empty grpc-status", answer(envelope(), { "grpc-status": "" }), notGrpc],
    ["a grpc-status that is a word", answer(envelope(), { "grpc-status": "banana" }), notGrpc],
    ["a grpc-status below 0", answer(envelope(), { "grpc-status": "-1" }), notGrpc],
    ["a grpc-status of no meaning", answer(envelope(), { "grpc-status": "99" }), { code: "UNKNOWN" }],
    ["no message and status 0", answer(nothing, ok), notGrpc],
    ["two messages", answer(Buffer.concat([envelope(), envelope()]), ok), notGrpc],
    ["half an envelope", answer(Buffer.from([0, 0]), ok), notGrpc],
    ["half a message", answer(half, ok), notGrpc],
    ["a message that is no protobuf", answer(envelope(Buffer.alloc(8, 0xff)), ok), notGrpc],
    ["a compressed message of no compression", answer(Buffer.from([1, 0, 0, 0, 1, 1]), ok), notGrpc],
    ["status 200 and a web page", page({ ":status": 200, "content-type": "text/html" }), notGrpc],
    ["status 404", page({ ":status": 404 }), notGrpc],
    ["status 503", page({ ":status": 503 }), notGrpc],
    [
      "a grpc-message of 60,000 bytes",
      answer(nothing, { "grpc-status": "5", "grpc-message": "x".repeat(60_000) }),
      { code: "NOT_FOUND", message: "x".repeat(60_000) },
    ],
    [
      "a grpc-message that is not percent-encoded",
      answer(nothing, { "grpc-status": "5", "grpc-message": "100% %zz" }),
      { code: "NOT_FOUND", message: "100% %zz" },
    ],
    ["grpc-status-details-bin that is no base64", answer(nothing, { ...ok, "grpc-status-details-bin": "!" }), notGrpc],
    [
      "a message over the limit",
      answer(envelope(Buffer.alloc(limit + 1)), ok),
      { code: "RESOURCE_EXHAUSTED", reason: "MESSAGE_TOO_LARGE", message: expect.stringContaining(`${limit} bytes`) },
    ],
    [
      "an envelope that announces 4 GiB",
      begun(Buffer.from([0, 255, 255, 255, 255])),
      { code: "RESOURCE_EXHAUSTED", reason: "MESSAGE_TOO_LARGE", message: expect.stringContaining(`${limit} bytes`) },
    ],
    ["a stream that is refused", (stream) => stream.close(7), lost],
    ["silence", () => {}, { code: "DEADLINE_EXCEEDED", message: expect.stringContaining("300 ms") }],
    ["silence after the headers", begun(), { code: "DEADLINE_EXCEEDED", message: expect.stringContaining("300 ms") }],
    [
      "silence amid the message",
      begun(half),
      { code: "DEADLINE_EXCEEDED", message: expect.stringContaining("300 ms") },
    ],
  ];
  it.each(faults)("%s", async (_, fault, error) => {
    const release = heldCall();
    runtime.answers.set("Status", fault);
    await expect(cri.runtime.status({}, { timeoutMs: 300 })).rejects.toMatchObject({ name: "CriError", ...error });
    await unharmed(release);
  });

  it.each([1, 2, 3, 5, 7, 8, 11, 13, 99])("a reset with code %d, wherever it comes", async (code) => {
    const release = heldCall();
    const reset = (stream: http2.ServerHttp2Stream): void =>
      runtime.inject(frame(frameTypes.reset, 0, stream.id ?? 0, word(code)));
    for (const body of [undefined, nothing, half, envelope()]) {
      runtime.answers.set("Status", (stream) => {
        if (body !== undefined) begun(body)(stream);
        // after what was written has gone
        setImmediate(() => setImmediate(reset, stream));
      });
      await expect(cri.runtime.status({}, { timeoutMs: 5000 })).rejects.toMatchObject(lost);
    }
    await unharmed(release);
  });

  it("a reset that says NO_ERROR, before anything was answered", async () => {
    const release = heldCall();
    runtime.answers.set("Status", (stream) => stream.close(0));
    // a pull has no deadline that would end it
    runtime.answers.set("PullImage", (stream) => stream.close(0));
    await expect(cri.runtime.status({}, { timeoutMs: 5000 })).rejects.toMatchObject(lost);
    await expect(cri.images.pullImage({})).rejects.toMatchObject(lost);
    await unharmed(release);
  });

  it("a stream of events whose second message is at fault hands out the first", async () => {
    const release = heldCall();
    runtime.answers.set("GetContainerEvents", begun(Buffer.concat([envelope(), envelope(Buffer.alloc(8, 0xff))])));
    const seen: unknown[] = [];
    const follow = async (): Promise<void> => {
      for await (const event of cri.runtime.getContainerEvents({})) seen.push(event);
    };
    await expect(follow()).rejects.toMatchObject(notGrpc);
    expect(seen).toHaveLength(1);
    await unharmed(release);
  });

  it("200 calls at once that are all refused", async () => {
    runtime.answers.set("Status", (stream) => stream.close(7));
    const calls = await Promise.allSettled(Array.from({ length: 200 }, () => cri.runtime.status({})));
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: lost });
    await unharmed(heldCall());
  });

  /** A call that waits for its answer while another one fails. @returns what has it answered */
  function heldCall(): () => Promise<void> {
    const answered = Promise.withResolvers<http2.ServerHttp2Stream>();
    runtime.answers.set("ListContainers", answered.resolve);
    const call = cri.runtime.listContainers({});
    return async () => {
      good(await answered.promise);
      expect((await call).containers).toEqual([]);
    };
  }

  async function unharmed(release: () => Promise<void>): Promise<void> {
    await release();
    expect(await cri.runtime.version({})).toBeDefined();
    expect(cri.state.runtime).toEqual({ name: "ready", version: "v1" });
    expect(runtime.connections).toBe(1);
  }
});
