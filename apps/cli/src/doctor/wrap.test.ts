import { describe, expect, it } from "vitest";
import { wrap } from "./wrap.ts";

describe("wrap()", () => {
  it.each([
    ["one two three", 7, "", ["one two", "three"]],
    ["one two three", 13, "", ["one two three"]],
    ["  label   one two", 13, "          ", ["  label   one", "          two"]],
    ["a-word-that-is-long b", 5, "  ", ["a-word-that-is-long", "  b"]],
    ["  a-word-that-is-long b c", 6, "  ", ["  a-word-that-is-long", "  b c"]],
    ["a-word-that-is-long", 5, "", ["a-word-that-is-long"]],
    ["", 5, "", [""]],
  ])("%j at %i", (text, width, indent, lines) => {
    expect(wrap(text, width, indent)).toEqual(lines);
  });
});
