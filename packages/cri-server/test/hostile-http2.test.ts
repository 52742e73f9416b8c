import { once } from "node:events";
import net from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { PullImageRequestSchema } from "@keelson/cri-api/v1";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attack,
  continuation,
  flags,
  frame,
  headers,
  literals,
  repeat,
  streamOf,
  types,
  version,
} from "./hostile-frames.ts";
import { clients, connect, rawCall, startServer } from "./server-harness.ts";

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const empty = frame(types.data, flags.endStream, 0).subarray(9);
const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), word(value)]);
const envelope = (message: Uint8Array): Buffer => Buffer.concat([Buffer.from([0]), word(message.length), message]);
const opening = (index: number, end = 0): Buffer =>
  frame(types.headers, flags.endHeaders | end, streamOf(index), headers());

/** A served core that must answer soon, whatever was done to it. */
async function startTarget(options = {}) {
  const started = await startServer(options);
  const good = clients(started.path).runtime;
  return {
    ...started,
    async answers(): Promise<void> {
      const began = performance.now();
      expect((await good.version({})).runtimeName).toBe("keelson");
      expect(performance.now() - began).toBeLessThan(2000);
    },
  };
}

describe("a client that floods", () => {
  it("T11.01: resets streams without end, or provokes the resets: it is sent away, and few calls were begun for it", async () => {
    const { path, faults, answers } = await startTarget();
    const hold = faults.hold("image.pull");
    const call = headers("/runtime.v1.ImageService/PullImage");
    const pull = (index: number): Buffer => {
      const image = { image: `docker.io/library/busybox:${index}` };
      return envelope(toBinary(PullImageRequestSchema, create(PullImageRequestSchema, { image })));
    };
    const provocations: readonly ((stream: number) => Uint8Array)[] = [
      (stream) => frame(types.reset, 0, stream, word(8)),
      (stream) => frame(types.window, 0, stream, word(0)),
      (stream) => frame(types.window, 0, stream, word(2 ** 31 - 1)),
      (stream) => frame(types.headers, flags.endHeaders, stream, literals([["x", "y"]])),
      (stream) => frame(types.data, 0, stream, new Uint8Array(1)),
      (stream) => frame(types.priority, 0, stream, new Uint8Array(2)),
    ];
    for (const provoke of provocations) {
      const began = hold.waiting;
      const { closed, sent, total } = await attack(
        path,
        repeat(10_000, (index) => {
          const stream = streamOf(index);
          return Buffer.concat([
            frame(types.headers, flags.endHeaders, stream, call),
            frame(types.data, flags.endStream, stream, pull(index)),
            provoke(stream),
          ]);
        }),
      );
      expect(closed).toBe(true);
      expect(sent).toBeLessThan(total);
      expect(hold.waiting - began).toBeLessThan(600);
      await answers();
    }
    hold.release();
  });

  it("T11.02: continues a header block without end, also of a stream that is refused: it is closed early", async () => {
    const { path, answers } = await startTarget();
    const crumb = literals([["a", "b".repeat(100)]]);
    for (const piece of [crumb, empty]) {
      for (const held of [0, 513]) {
        const { closed, sent, total } = await attack(path, [
          ...repeat(held, (index) => opening(index)),
          frame(types.headers, 0, streamOf(held), headers()),
          ...repeat(100_000, () => frame(continuation, 0, streamOf(held), piece)),
        ]);
        expect(closed).toBe(true);
        expect(sent).toBeLessThan(total / 2);
        await answers();
      }
    }
  });

  it("T11.03: floods with frames that cost it nothing: it is closed early, whether it reads the answers or not", async () => {
    const { path, answers } = await startTarget();
    const many = (piece: Uint8Array): Buffer => Buffer.concat(Array.from({ length: 100 }, () => piece));
    const floods: Readonly<Record<string, Uint8Array>> = {
      ping: frame(types.ping, 0, 0, new Uint8Array(8)),
      settings: frame(types.settings, 0, 0, setting(3, 100)),
      "many settings": frame(types.settings, 0, 0, Buffer.concat(Array.from({ length: 33 }, () => setting(99, 1)))),
      "empty data": frame(types.data, 0, 1),
      priority: frame(types.priority, 0, 5, Buffer.from([0, 0, 0, 0, 1])),
      "unknown frames": frame(77, 0, 0, new Uint8Array(10)),
    };
    for (const [name, piece] of Object.entries(floods)) {
      const flood = many(piece);
      const { closed, sent, total } = await attack(path, [opening(0), ...repeat(5000, () => flood)], { reads: false });
      expect([name, closed]).toEqual([name, true]);
      expect(sent).toBeLessThan(total);
      await answers();
    }
  });

  it("T11.04: has tiny references stand for megabytes, or takes no answers: refused in bounds", async () => {
    const { path, answers } = await startTarget();
    // one field of 4,000 bytes into the dynamic table, then thousands of references to it, a byte each (RFC 7541, 6.1)
    const long = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, "b")]);
    const before = process.memoryUsage().rss;
    const bomb = await attack(path, [
      frame(types.headers, flags.endHeaders | flags.endStream, 1, Buffer.concat([headers(), long])),
      ...repeat(500, (index) => {
        const block = Buffer.concat([headers(), Buffer.alloc(16_000, 0xbe)]);
        return frame(types.headers, flags.endHeaders | flags.endStream, streamOf(index + 1), block);
      }),
    ]);
    expect(bomb.answers.get(types.reset)).toBeGreaterThan(400);
    // names without a value, more of them than anybody needs
    const crumbs = Buffer.concat([headers(), ...Array.from({ length: 200 }, () => Buffer.from([0, 1, 0x61, 0]))]);
    const counted = await attack(path, [frame(types.headers, flags.endHeaders | flags.endStream, 1, crumbs)]);
    expect(counted.answers.get(types.reset)).toBe(1);
    const stalled = await attack(path, [
      frame(types.settings, 0, 0, setting(4, 0)),
      ...repeat(3000, (index) =>
        Buffer.concat([opening(index), frame(types.data, flags.endStream, streamOf(index), new Uint8Array(5))]),
      ),
    ]);
    expect(stalled.closed).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    await answers();
  });

  it("T11.07: sends a message in 200,000 pieces: read in the time that its bytes take", async () => {
    const { path, answers } = await startTarget();
    const text = Buffer.alloc(200_000, "x");
    const bytes = envelope(Buffer.concat([Buffer.from([0x0a, 0xc0, 0x9a, 0x0c]), text]));
    const pieces = Buffer.concat(Array.from(bytes, (byte) => frame(types.data, 0, 1, Uint8Array.of(byte))));
    const began = performance.now();
    const end = frame(types.data, flags.endStream, 1);
    const chunks = repeat(Math.ceil(pieces.length / 10_000), (index) =>
      pieces.subarray(index * 10_000, (index + 1) * 10_000),
    );
    const { answers: came } = await attack(path, [opening(0), ...chunks, end]);
    // headers, and trailers
    expect(came.get(types.headers)).toBe(2);
    expect(performance.now() - began).toBeLessThan(10_000);
    await answers();
  });
});

describe("a client that breaks the protocol", () => {
  it("T11.05: frames of any kind, size and content end their session at most", async () => {
    const { path, answers } = await startTarget();
    const frames = fc.array(
      fc.tuple(
        fc.oneof(fc.nat(12), fc.nat(255)),
        fc.nat(255),
        fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 2 ** 31 - 1 })),
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.constant(headers()),
          fc.uint8Array({ minLength: 16_300, maxLength: 17_000 }),
        ),
      ),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(frames, fc.boolean(), async (list, opened) => {
        const written = list.map(([type, flag, stream, payload]) => frame(type, flag, stream, payload));
        const socket = net.connect(path);
        socket.on("error", () => {});
        socket.resume();
        socket.end(Buffer.concat([...(opened ? [frame(types.settings, 0, 0)] : []), ...written]));
        await once(socket, "close");
      }),
      { numRuns: 150 },
    );
    for (const size of [0, 16_383, 2 ** 24, 2 ** 32 - 1]) {
      const { closed } = await attack(path, [frame(types.settings, 0, 0, setting(5, size)), opening(0)]);
      expect(closed).toBe(true);
    }
    await answers();
  });

  it("T11.06: a thousand broken sessions leave no handle, and frames of later RFCs leave nothing at all", async () => {
    const { path, server, answers } = await startTarget();
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length;
    await answers();
    const before = sockets();
    const breaks: readonly Uint8Array[] = [
      frame(types.window, 0, 0, word(2 ** 31 - 1)),
      frame(types.data, 0, 0, new Uint8Array(1)),
      frame(types.goAway, 0, 0, Buffer.concat([word(0), word(2)])),
      frame(types.headers, flags.endHeaders, 2, headers()),
      Buffer.concat([opening(0), frame(types.settings, 0, 0, new Uint8Array(5))]),
    ];
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => attack(path, [breaks[index % breaks.length] ?? empty])),
      );
    }
    await answers();
    expect(sockets()).toBe(before);
    // ORIGIN and ALTSVC
    const later = Buffer.concat([
      frame(12, 0, 0, Buffer.from("\0\x10https://a.example")),
      frame(10, 0, 0, Buffer.from('\0\0h2=":1"')),
    ]);
    const { answers: came } = await attack(
      path,
      repeat(200, () => later),
    );
    expect([...came.keys()].every((type) => type === types.settings)).toBe(true);
    await server.close();
  });

  it("T11.08: speaks slowly, or HTTP/1 in any spelling: closed, and nothing is parsed for it", async () => {
    const { path, answers } = await startTarget({ stalledMs: 150 });
    const texts = [
      "POST /runtime.v1.RuntimeService/Version HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
      "GET / HTTP/1.1\r\n__proto__: x\r\nHost: x\r\n\r\n",
      // words that never end
      "PRI * HTTP/2.0\r\n\r\nS",
      "",
    ];
    for (const text of texts) {
      const socket = net.connect(path);
      socket.on("error", () => {});
      let got = "";
      socket.on("data", (piece: Buffer) => {
        got += piece.toString("latin1");
      });
      socket.write(text);
      await once(socket, "close");
      expect(got).not.toContain("HTTP/1.1 200");
    }
    await answers();
    const { trailers } = await rawCall(connect(path), version);
    expect(trailers["grpc-status"]).toBe("0");
  });
});

describe("a message that is a trap", () => {
  const call = (path: string, name: string, message: Uint8Array) => rawCall(connect(path), name, [envelope(message)]);

  it("T11.11: nested without end is refused", async () => {
    const { path, answers } = await startTarget();
    // groups in groups of an unknown field, 100,000 deep; and what would be messages in messages, if the protocol had such
    const groups = Buffer.alloc(200_000, Buffer.from([0x9b, 0x06]));
    let nested = Buffer.alloc(0);
    for (let depth = 0; depth < 3000; depth++) {
      const head = [0x0a, (nested.length & 0x7f) | 0x80, ((nested.length >> 7) & 0x7f) | 0x80, nested.length >> 14];
      nested = Buffer.concat([Buffer.from(head), nested]);
    }
    for (const message of [groups, nested]) {
      const { trailers } = await call(path, "/runtime.v1.RuntimeService/RunPodSandbox", message);
      expect(trailers["grpc-status"]).toBe(String(Code.Internal));
    }
    await answers();
  });

  it("T11.12: with a million keys that are numbers is read in the time that its bytes take", async () => {
    const { path, answers } = await startTarget();
    // PodSandboxConfig.annotations (7) of RunPodSandboxRequest.config (1)
    const entries = Array.from({ length: 1_000_000 }, (_, index) => {
      const key = Buffer.from(String(index));
      return Buffer.concat([Buffer.from([0x3a, key.length + 2, 0x0a, key.length]), key]);
    });
    const config = Buffer.concat(entries);
    const size = config.length;
    const head = [0x0a, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, ((size >> 14) & 0x7f) | 0x80, size >> 21];
    const began = performance.now();
    const { trailers } = await call(
      path,
      "/runtime.v1.RuntimeService/RunPodSandbox",
      Buffer.concat([Buffer.from(head), config]),
    );
    expect(trailers["grpc-status"]).toBe(String(Code.InvalidArgument));
    expect(performance.now() - began).toBeLessThan(10_000);
    await answers();
  });
});
