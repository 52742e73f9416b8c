import type { LogStream } from "@keelson/cri-api/logs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JoinOptions, PartJoiner } from "./join-parts.ts";
import type { Piece } from "./split-lines.ts";

const both: ReadonlySet<LogStream> = new Set<LogStream>(["stdout", "stderr"]);
const defaults: JoinOptions = { join: true, maxBytes: 1024, streams: both, sinceNs: undefined };

const piece = (text: string, partial = false, stream: LogStream = "stdout", timeNs = 1n): Piece => ({
  timeNs,
  stream,
  partial,
  bytes: new TextEncoder().encode(text),
  offset: 0,
});

function joined(given: readonly Piece[], options: Partial<JoinOptions> = {}): readonly string[] {
  const joiner = new PartJoiner({ ...defaults, ...options });
  return [...given.flatMap((one) => joiner.add(one)), ...joiner.end()].map(
    ({ timeNs, stream, text, partial }) => `${timeNs} ${stream} ${text}${partial ? "+" : ""}`,
  );
}

describe("PartJoiner", () => {
  it("joins the parts of each stream, however they lie between each other", () => {
    const given = [piece("a", true, "stdout", 1n), piece("x", true, "stderr", 2n), piece("b", false, "stdout", 3n)];
    expect(joined([...given, piece("y", false, "stderr", 4n)])).toEqual(["1 stdout ab", "2 stderr xy"]);
    expect(joined(given)).toEqual(["1 stdout ab", "2 stderr x+"]);
  });

  it("hands out each part as it comes when it is told not to join", () => {
    const given = [piece("a", true, "stdout", 1n), piece("", false, "stdout", 2n)];
    expect(joined(given, { join: false })).toEqual(["1 stdout a+", "2 stdout "]);
  });

  it("hands out what is over the limit in marked parts", () => {
    const parts = Array.from({ length: 5 }, (_, i) => piece(String(i).repeat(100), i < 4));
    expect(joined(parts, { maxBytes: 256 })).toEqual([
      `1 stdout ${"0".repeat(100)}${"1".repeat(100)}+`,
      `1 stdout ${"2".repeat(100)}${"3".repeat(100)}+`,
      `1 stdout ${"4".repeat(100)}`,
    ]);
  });

  it("leaves out whole lines: of other streams, and those that began before", () => {
    const given = [
      piece("old", true, "stdout", 4n),
      piece("old too", false, "stdout", 6n),
      piece("other", false, "stderr", 6n),
      piece("new", false, "stdout", 5n),
    ];
    expect(joined(given, { sinceNs: 5n, streams: new Set<LogStream>(["stdout"]) })).toEqual(["5 stdout new"]);
  });

  it("loses and doubles nothing of what is written", () => {
    const given = fc.array(
      fc.record({ text: fc.string({ maxLength: 400 }), partial: fc.boolean(), err: fc.boolean() }),
    );
    fc.assert(
      fc.property(given, fc.integer({ min: 256, max: 2000 }), fc.boolean(), (list, maxBytes, join) => {
        const joiner = new PartJoiner({ ...defaults, join, maxBytes });
        const all = list.map(({ text, partial, err }) => piece(text, partial, err ? "stderr" : "stdout"));
        const out = [...all.flatMap((one) => joiner.add(one)), ...joiner.end()];
        for (const stream of both) {
          const ends = (of: readonly { stream: LogStream; partial: boolean }[]): number =>
            of.filter((one) => one.stream === stream && !one.partial).length;
          const text = (of: readonly { stream: LogStream; bytes: Uint8Array }[]): string =>
            Buffer.concat(of.filter((one) => one.stream === stream).map((one) => one.bytes)).toString();
          expect(text(out)).toBe(text(all));
          expect(ends(out)).toBe(ends(all));
        }
      }),
    );
  });
});
