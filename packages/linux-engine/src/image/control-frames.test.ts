import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameDecoder, maxFrameBytes, readFrameSync, writeFrameSync } from "./control-frames.ts";

describe("FrameDecoder", () => {
  test("gives back the messages, whatever pieces their bytes come in", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.json().map((text) => JSON.parse(text)),
          { maxLength: 6 },
        ),
        fc.array(fc.nat({ max: 40 })),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(encodeFrame));
          const decoder = new FrameDecoder();
          const got: unknown[] = [];
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            got.push(...decoder.push(Buffer.from(bytes.subarray(at, at + cut))));
            at += cut;
          }
          expect(JSON.stringify(got)).toBe(JSON.stringify(messages));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("refuses a message that claims too much before it takes memory for it, and what is no JSON", () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(maxFrameBytes + 1);
    expect(() => new FrameDecoder().push(head)).toThrow("want at most");
    const nonsense = Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from("{]")]);
    expect(() => new FrameDecoder().push(nonsense)).toThrow(SyntaxError);
    expect(() => encodeFrame("x".repeat(maxFrameBytes))).toThrow("want at most");
  });
});

describe("readFrameSync()", () => {
  test("reads one message after the other, undefined at the end, and refuses one that is cut", () => {
    const folder = mkdtempSync(join(tmpdir(), "keelson-frames-"));
    const file = join(folder, "frames");
    try {
      const out = openSync(file, "w");
      writeFrameSync(out, { a: 1 });
      writeFrameSync(out, ["ä"]);
      closeSync(out);
      const whole = openSync(file, "r");
      expect([readFrameSync(whole), readFrameSync(whole), readFrameSync(whole)]).toEqual([{ a: 1 }, ["ä"], undefined]);
      closeSync(whole);
      writeFileSync(file, encodeFrame({ long: "text" }).subarray(0, -1));
      const cut = openSync(file, "r");
      expect(() => readFrameSync(cut)).toThrow("too early");
      closeSync(cut);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
