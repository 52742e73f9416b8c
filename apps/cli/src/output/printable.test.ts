import { describe, expect, it } from "vitest";
import { printable, printableLine } from "./printable.ts";

describe("printable()", () => {
  it.each([
    ["\u001b[31mred\u001b[0m", "\\x1b[31mred\\x1b[0m"],
    ["\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
    ["\u009b31m", "\\x9b31m"],
    ["a\rb\bc\u007f\0", "a\\x0db\\x08c\\x7f\\x00"],
    ["txt.\u202eexe", "txt.\\u202eexe"],
    ["\u2066a\u2069\u2028\u061c", "\\u2066a\\u2069\\u2028\\u061c"],
  ])("escapes %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("leaves every other character, tab and line feed", () => {
    const text = "tab\tline\n\u00e4\u00df \u65e5\u672c\u8a9e \ud83d\ude00 \\x1b";
    expect(printable(text)).toBe(text);
  });
});

describe("printableLine()", () => {
  it("keeps one line one line", () => {
    expect(printableLine("a\tb\nc\u001b")).toBe("a\\tb\\nc\\x1b");
  });
});
