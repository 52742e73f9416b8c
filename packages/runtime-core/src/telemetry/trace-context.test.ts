import { describe, expect, it } from "vitest";
import { readTraceparent } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";

describe("readTraceparent()", () => {
  it.each([
    ["the version that there is", `00-${traceId}-b7ad6b7169203331-01`],
    ["a later version with more behind it", `01-${traceId}-b7ad6b7169203331-00-more`],
  ])("reads %s", (_, header) => {
    expect(readTraceparent(header)).toEqual({ traceId });
  });

  it.each([
    ["none", null],
    ["an empty one", ""],
    ["upper case", `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`],
    ["a trace of zeros", `00-${"0".repeat(32)}-b7ad6b7169203331-01`],
    ["a parent of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["the version that must not be", `ff-${traceId}-b7ad6b7169203331-01`],
    ["this version with more behind it", `00-${traceId}-b7ad6b7169203331-01-more`],
    ["something short", `00-${traceId}-b7ad-01`],
    ["a line break", `00-${traceId}-b7ad6b7169203331-01\nx`],
    ["something without an end", `01-${traceId}-b7ad6b7169203331-01-${"x".repeat(1000)}`],
  ])("takes %s for no trace", (_, header) => {
    expect(readTraceparent(header)).toBeUndefined();
  });
});
