import { describe, expect, it } from "vitest";
import { asObject, field, integerField, listField, parseForeignJson, stringField } from "./foreign-json.ts";

const limits = { maxBytes: 1_000_000 };

describe("parseForeignJson()", () => {
  it("T12.03: gives integers beyond a double back as they were written", () => {
    const text = '{"a":9007199254740993,"b":-18446744073709551616,"c":1.50,"d":7}';
    expect(JSON.stringify(parseForeignJson(text, limits))).toBe(text.replace("1.50", "1.5"));
  });

  it("T12.01: keeps keys that an object inherits as plain data, and never reads inherited ones", () => {
    const text = '{"__proto__":{"polluted":true},"constructor":1}';
    const object = asObject(parseForeignJson(text, limits), "x");
    expect(JSON.stringify(object)).toBe(text);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(field(object, "toString")).toBeUndefined();
    expect(field(object, "constructor")).toBe(1);
  });

  it("T12.02: refuses a depth of a million at once", () => {
    const started = performance.now();
    expect(() => parseForeignJson("[".repeat(999_999), limits)).toThrow("nested deeper than 64");
    expect(() => parseForeignJson('{"a":'.repeat(100_000), limits)).toThrow("nested deeper than 64");
    expect(performance.now() - started).toBeLessThan(10_000);
    const brackets = JSON.stringify({ text: `${"[".repeat(1_000)}"\\` });
    expect(JSON.stringify(parseForeignJson(brackets, limits))).toBe(brackets);
  });

  it.each([
    ["too large", `"${"x".repeat(1_000_000)}"`, "1000002 bytes"],
    ["no JSON", "{]", "parse JSON"],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22]), "parse JSON"],
  ])("refuses input that is %s", (_what, input, said) => {
    expect(() => parseForeignJson(input, limits)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => parseForeignJson(input, limits)).toThrow(said);
  });
});

describe("fields", () => {
  const object = asObject({ text: "abc", list: [1, 2], count: 3, none: null }, "x");

  it("are read by kind and capped", () => {
    expect(stringField(object, "text", 3)).toBe("abc");
    expect(listField(object, "list", 2)).toEqual([1, 2]);
    expect(integerField(object, "count")).toBe(3);
    for (const read of [stringField, listField]) expect(read(object, "none", 1)).toBeUndefined();
    expect(() => stringField(object, "text", 2)).toThrow("3 characters");
    expect(() => listField(object, "list", 1)).toThrow("2 items");
    expect(() => stringField(object, "count", 9)).toThrow("is a number, want a string");
    expect(() => integerField(object, "text")).toThrow("want an integer");
    expect(() => integerField(asObject({ n: -1 }, "x"), "n")).toThrow("want an integer");
    expect(() => asObject([], "it")).toThrow("it: is a list, want an object");
  });
});
