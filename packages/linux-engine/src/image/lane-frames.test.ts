import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LaneStream, LaneWriter } from "./lane-frames.ts";

describe("A lane", () => {
  let folder: string;
  const opened: number[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-lane-"));
  });
  afterEach(() => {
    for (const fd of opened.splice(0)) closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  /** What a fetcher writes, as a file that an applier can read. */
  async function written(write: (lane: LaneWriter) => Promise<void>): Promise<number> {
    const pieces: Buffer[] = [];
    const sink = new Writable({
      highWaterMark: 16,
      write: (piece: Buffer, _encoding, done) => {
        pieces.push(Buffer.from(piece));
        setImmediate(done);
      },
    });
    await write(new LaneWriter(sink as unknown as Socket));
    await new Promise<void>((resolve) => sink.end(resolve));
    writeFileSync(join(folder, "lane"), Buffer.concat(pieces));
    const fd = openSync(join(folder, "lane"), "r");
    opened.push(fd);
    return fd;
  }

  /** Reads a layer in pieces; the buffer is full of a mark that must never be part of it. */
  function readAll(stream: LaneStream): string {
    const pieces: Buffer[] = [];
    for (;;) {
      const into = Buffer.alloc(7, "#");
      const got = stream.read(into);
      if (got === 0) return Buffer.concat(pieces).toString();
      pieces.push(Buffer.from(into.subarray(0, got)));
    }
  }

  test("T12.07: carries one layer after the other, byte for byte, and nothing of what was in memory", async () => {
    const fd = await written(async (lane) => {
      await lane.begin(1);
      await lane.data(Buffer.from("first layer, "));
      await lane.data(Buffer.alloc(0));
      await lane.data(Buffer.from("in two pieces"));
      await lane.end();
      await lane.begin(2);
      await lane.end();
    });
    const first = new LaneStream(fd, 1);
    expect(readAll(first)).toBe("first layer, in two pieces");
    expect(first.read(Buffer.alloc(1))).toBe(0);
    expect(readAll(new LaneStream(fd, 2))).toBe("");
    expect(readFileSync(join(folder, "lane"), "latin1")).not.toContain("#");
  });

  test("tells that a layer was given up, and is ready for the next one", async () => {
    const fd = await written(async (lane) => {
      await lane.begin(1);
      await lane.data(Buffer.from("half"));
      await lane.abort();
      await lane.begin(2);
      await lane.data(Buffer.alloc(200_000, "x"));
      await lane.end();
      await lane.begin(3);
      await lane.data(Buffer.from("third"));
      await lane.end();
    });
    const given = new LaneStream(fd, 1);
    expect(() => readAll(given)).toThrow(expect.objectContaining({ code: "CANCELED" }));
    given.drain();
    const failed = new LaneStream(fd, 2);
    failed.read(Buffer.alloc(10));
    failed.drain();
    expect(readAll(new LaneStream(fd, 3))).toBe("third");
  });

  test("refuses another layer than the one that was asked for, and one that breaks off", async () => {
    const other = await written((lane) => lane.begin(7));
    expect(() => new LaneStream(other, 8).read(Buffer.alloc(1))).toThrow("another layer");
    const cut = await written(async (lane) => {
      await lane.begin(1);
      await lane.data(Buffer.from("half"));
    });
    try {
      readAll(new LaneStream(cut, 1));
      expect.unreachable();
    } catch (error) {
      expect(isCriError(error, "UNAVAILABLE")).toBe(true);
    }
  });
});
