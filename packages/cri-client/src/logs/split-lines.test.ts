import { formatLogLineBytes, type LogStream } from "@keelson/cri-api/logs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter, type Piece, type Split } from "./split-lines.ts";

const time = "2026-11-24T17:35:20.000000001Z";
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("latin1");

function split(data: Uint8Array, cuts: readonly number[], maxBytes: number, open = false): readonly Split[] {
  const splitter = new LineSplitter(maxBytes);
  const found: Split[] = [];
  let from = 0;
  for (const cut of [...cuts, data.length]) {
    if (cut <= from || cut > data.length) continue;
    found.push(...splitter.push(data.slice(from, cut)));
    from = cut;
  }
  found.push(...splitter.end({ open, next: 0 }));
  return found;
}

const pieces = (found: readonly Split[]): readonly Piece[] =>
  found.flatMap((one) => ("piece" in one ? [one.piece] : []));

describe("LineSplitter", () => {
  it("finds the same lines however the bytes come", () => {
    const line = fc.oneof(
      fc.record({
        stream: fc.constantFrom<LogStream>("stdout", "stderr"),
        partial: fc.boolean(),
        bytes: fc.uint8Array({ maxLength: 700 }).map((bytes) => bytes.filter((byte) => byte !== 10)),
      }),
      fc.uint8Array({ maxLength: 900 }).map((bytes) => bytes.filter((byte) => byte !== 10)),
    );
    const cuts = fc.array(fc.nat(6000), { maxLength: 12 }).map((list) => list.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), cuts, fc.integer({ min: 256, max: 2000 }), (lines, at, max) => {
        const data = Buffer.concat(
          lines.map((one) =>
            one instanceof Uint8Array
              ? Buffer.concat([one, bytesOf("\n")])
              : formatLogLineBytes({ timeNs: 1n, ...one }),
          ),
        );
        const whole: { text: string; partial: boolean; offset: number; stream: LogStream }[] = [];
        let goesOn = false;
        const found = split(data, at, max);
        for (const { bytes, partial, offset, stream } of pieces(found)) {
          expect(bytes.length).toBeLessThanOrEqual(max + 256);
          const last = whole.at(-1);
          if (goesOn && last?.offset === offset) {
            whole[whole.length - 1] = { text: last.text + textOf(bytes), partial, offset, stream };
          } else whole.push({ text: textOf(bytes), partial, offset, stream });
          goesOn = true;
        }
        const good = lines.flatMap((one) => (one instanceof Uint8Array ? [] : [one]));
        expect(whole.map(({ text, partial, stream }) => ({ text, partial, stream }))).toEqual(
          good.map(({ bytes, partial, stream }) => ({ text: textOf(bytes), partial, stream })),
        );
        const bad = found.flatMap((one) => ("malformed" in one ? [one.malformed] : []));
        expect(bad.map((one) => one.lengthBytes)).toEqual(
          lines.flatMap((one) => (one instanceof Uint8Array ? [one.length] : [])),
        );
        for (const { offset, sample } of bad)
          expect(data.subarray(offset, offset + sample.length)).toEqual(Buffer.from(sample));
      }),
    );
  });

  it("hands a line without an end out as partial, unless nobody writes to the file any more", () => {
    const data = bytesOf(`${time} stdout F abc`);
    expect(pieces(split(data, [], 256, true))).toMatchObject([{ partial: true, bytes: bytesOf("abc") }]);
    expect(pieces(split(data, [], 256, false))).toMatchObject([{ partial: false, bytes: bytesOf("abc") }]);
    expect(split(bytesOf(time), [], 256, true)).toMatchObject([{ malformed: { lengthBytes: time.length } }]);
  });

  it("holds no more of an endless line than its limit, in the format or not", () => {
    for (const head of [`${time} stderr F `, ""]) {
      const splitter = new LineSplitter(1024);
      const block = new Uint8Array(4096).fill(0x78);
      splitter.push(bytesOf(head));
      let handedOut = 0;
      for (let i = 0; i < 1000; i++) for (const { bytes } of pieces(splitter.push(block))) handedOut += bytes.length;
      const end = splitter.push(bytesOf("\n"));
      if (head === "") {
        expect(end).toMatchObject([
          { malformed: { offset: 0, lengthBytes: 4_096_000, sample: block.subarray(0, 256) } },
        ]);
      } else {
        for (const { bytes } of pieces(end)) handedOut += bytes.length;
        expect(handedOut).toBe(4_096_000);
        expect(pieces(end).at(-1)?.partial).toBe(false);
      }
    }
  });
});
