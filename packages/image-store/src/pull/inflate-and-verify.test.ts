import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { mediaTypes } from "../manifest/media-types.ts";
import { digestOfHex } from "../reference/index.ts";
import { type InflateOptions, inflateAndVerify } from "./inflate-and-verify.ts";

const digestOf = (bytes: Uint8Array) => digestOfHex(createHash("sha256").update(bytes).digest("hex"));
const tar = Buffer.from("some tar ".repeat(100_000));
const types = { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd };

/** Hands the bytes on in pieces of a size. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function inflate(
  bytes: Uint8Array,
  options: Partial<InflateOptions> & { kind?: keyof typeof types; size?: number; piece?: number } = {},
): Promise<Buffer> {
  const { kind = "gzip", piece = 64 * 1024, ...rest } = options;
  const chunks: Uint8Array[] = [];
  const stream = inflateAndVerify(pieces(bytes, piece), { mediaType: types[kind], diffId: digestOf(tar), ...rest });
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const lost = { code: "DATA_LOSS" };
const half = tar.length / 2;
const [first, second] = [tar.subarray(0, half), tar.subarray(half)];
const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("any")]);

describe("inflateAndVerify()", () => {
  it.each([
    ["none", tar],
    ["gzip", gzipSync(tar)],
    ["zstd", zstdCompressSync(tar)],
  ] as const)("brings back a tar of compression %s, in pieces of any size", async (kind, bytes) => {
    for (const piece of [997, 64 * 1024, 10_000_000]) {
      const options = { kind, piece, digest: digestOf(bytes), size: bytes.byteLength };
      expect((await inflate(bytes, options)).equals(tar)).toBe(true);
    }
  });

  it.each([
    ["gzip", Buffer.concat([gzipSync(first), gzipSync(second)])],
    ["gzip", Buffer.concat([gzipSync(""), gzipSync(first), gzipSync(""), gzipSync(second)])],
    ["zstd", Buffer.concat([zstdCompressSync(first), zstdCompressSync(second)])],
    [
      "zstd",
      Buffer.concat([skippable, zstdCompressSync(first), skippable, skippable, zstdCompressSync(second), skippable]),
    ],
  ] as const)("takes %s of several parts as one stream", async (kind, bytes) => {
    for (const piece of [1, 7, 1000, 10_000_000]) {
      expect((await inflate(bytes, { kind, piece })).equals(tar)).toBe(true);
    }
  });

  const trailers = {
    garbage: Buffer.from("garbage"),
    zeros: Buffer.alloc(600),
    "a zero and more": Buffer.from("\0\x1f\x8bx"),
    "one byte": Buffer.from([0x1f]),
  };
  it.each(Object.entries(trailers))("refuses %s after the end", async (_, trailer) => {
    for (const [kind, body] of [
      ["gzip", gzipSync(tar)],
      ["zstd", zstdCompressSync(tar)],
    ] as const) {
      const bytes = Buffer.concat([body, trailer]);
      for (const piece of [1000, body.length, 10_000_000])
        await expect(inflate(bytes, { kind, piece })).rejects.toMatchObject(lost);
    }
    const hidden = Buffer.concat([gzipSync(first), Buffer.alloc(3), gzipSync(second)]);
    await expect(inflate(hidden, { piece: gzipSync(first).length })).rejects.toMatchObject(lost);
  });

  it.each(["gzip", "zstd"] as const)("refuses %s that is cut off or damaged, or none at all", async (kind) => {
    const bytes = kind === "gzip" ? gzipSync(tar) : zstdCompressSync(tar);
    for (const length of [0, 1, 5, bytes.length / 2, bytes.length - 1]) {
      await expect(inflate(bytes.subarray(0, length), { kind })).rejects.toMatchObject(lost);
    }
    for (const at of [0, 3, 20]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      await expect(inflate(damaged, { kind })).rejects.toMatchObject(lost);
    }
    await expect(inflate(tar, { kind })).rejects.toMatchObject(lost);
  });

  it("refuses bytes of another digest, size or diff ID", async () => {
    const bytes = gzipSync(tar);
    const size = bytes.byteLength;
    const other = digestOf(Buffer.from("other"));
    for (const options of [{ digest: other }, { size: size + 1 }, { size: size - 1 }, { diffId: other }]) {
      await expect(inflate(bytes, options)).rejects.toMatchObject(lost);
    }
    await expect(inflate(tar, { kind: "none", diffId: other })).rejects.toMatchObject(lost);
    await expect(inflate(bytes, { mediaType: "text/html" })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
  });

  it("T2.08 stops a bomb at its ratio and at its total, long before its end", async () => {
    const zeros = Buffer.alloc(32 * 2 ** 20);
    for (const [kind, bytes] of [
      ["gzip", gzipSync(zeros)],
      ["zstd", zstdCompressSync(zeros)],
    ] as const) {
      const mediaType = types[kind];
      for (const caps of [{ maxRatio: 100, freeBytes: 2 ** 20 }, { maxBytes: 2 ** 20 }]) {
        let length = 0;
        const run = async () => {
          const stream = inflateAndVerify(pieces(bytes, 1000), { mediaType, diffId: digestOf(zeros), caps });
          for await (const chunk of stream) length += chunk.byteLength;
        };
        await expect(run()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
        expect(length).toBeLessThan(4 * 2 ** 20);
      }
    }
    await expect(inflate(zeros, { kind: "none", caps: { maxBytes: 1000 } })).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
    });
  });

  it("passes an error of its source on, and ends its source when its reader stops", async () => {
    const cause = new Error("the network broke");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield gzipSync(tar).subarray(0, 500);
      throw cause;
    }
    const options = { mediaType: types.gzip, diffId: digestOf(tar) };
    const drain = async () => {
      for await (const chunk of inflateAndVerify(broken(), options)) expect(chunk.byteLength).toBeGreaterThan(0);
    };
    await expect(drain()).rejects.toBe(cause);
    const ended = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield gzipSync(tar);
      } finally {
        ended.resolve();
      }
    }
    for await (const _ of inflateAndVerify(endless(), options)) break;
    await ended.promise;
  });
});
