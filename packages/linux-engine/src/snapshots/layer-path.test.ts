import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joinPath, meaningOf, parseLayerPath, pathKey, pathOfKey } from "./layer-path.ts";

const parse = (text: string | Buffer): string => pathKey(parseLayerPath(Buffer.from(text as string)));

describe("parseLayerPath()", () => {
  test.each([
    ["a/b", "a/b"],
    ["./a//b/./", "a/b"],
    ["/a", "a"],
    [".", ""],
    ["/", ""],
    ["./", ""],
    ["...", "..."],
    ["..a/b..", "..a/b.."],
  ])("takes %j as %j", (text, key) => {
    expect(parse(text)).toBe(key);
  });

  test.each(["..", "../a", "a/..", "a/../b", "/..", "a/b/../../.."])("T2.01: refuses %j", (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("T2.08: refuses more than 256 levels", () => {
    expect(parse("d/".repeat(256))).toHaveLength(511);
    expect(() => parse("d/".repeat(257))).toThrow("257 levels");
  });

  test("T12.08: keeps every byte of a name", () => {
    const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2f);
    const name = fc
      .array(byte, { minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes))
      .filter((bytes) => ![".", ".."].includes(bytes.toString("latin1")));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (names) => {
        const path = parseLayerPath(joinPath(names));
        expect(path.map((each) => each.toString("hex"))).toEqual(names.map((each) => each.toString("hex")));
        expect(pathOfKey(pathKey(path)).map((each) => each.toString("hex"))).toEqual(
          names.map((each) => each.toString("hex")),
        );
      }),
    );
  });
});

describe("meaningOf()", () => {
  const meaning = (text: string) => meaningOf(parseLayerPath(Buffer.from(text)));

  test("tells whiteouts, opaque marks, bookkeeping and files apart", () => {
    expect(meaning("a/b")).toEqual({ kind: "file" });
    expect(meaning("")).toEqual({ kind: "file" });
    expect(meaning("a/wh.b")).toEqual({ kind: "file" });
    expect(meaning("a/.wh.b")).toEqual({ kind: "whiteout", name: Buffer.from("b") });
    expect(meaning("a/.wh..b")).toEqual({ kind: "whiteout", name: Buffer.from(".b") });
    expect(meaning(".wh..wh..opq")).toEqual({ kind: "opaque" });
    expect(meaning(".wh..wh.plnk/1.2")).toEqual({ kind: "bookkeeping" });
    expect(meaning(".wh..wh.aufs")).toEqual({ kind: "bookkeeping" });
    expect(meaning(".wh..wh..opq/x")).toEqual({ kind: "bookkeeping" });
  });

  test.each([".wh.", ".wh..", ".wh...", "a/.wh.b/c"])("refuses %j", (text) => {
    expect(() => meaning(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
