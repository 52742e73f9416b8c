import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatLogLine, parseLogLine, rfc3339Nano } from "./logs.ts";

describe("CRI log lines", () => {
  it("have time, stream, tag and text", () => {
    const line = formatLogLine({ timeNs: 1_700_000_000_000_000_001n, stream: "stderr", text: "hello  world " });
    expect(line).toBe("2023-11-14T22:13:20.000000001Z stderr F hello  world \n");
    expect(parseLogLine(line.slice(0, -1))).toEqual({
      time: "2023-11-14T22:13:20.000000001Z",
      stream: "stderr",
      partial: false,
      text: "hello  world ",
    });
  });

  it("are read back as they were written", () => {
    const text = fc.string({ unit: "grapheme" }).filter((one) => !one.includes("\n"));
    const stream = fc.constantFrom("stdout" as const, "stderr" as const);
    fc.assert(
      fc.property(text, stream, fc.boolean(), fc.bigInt(0n, 4_000_000_000_000_000_000n), (t, s, partial, timeNs) => {
        const line = formatLogLine({ timeNs, stream: s, partial, text: t });
        expect(parseLogLine(line.slice(0, -1))).toEqual({ time: rfc3339Nano(timeNs), stream: s, partial, text: t });
      }),
    );
  });

  it.each(["", "x", "2023 stdout", "2023 stdin F x", "2023 stdout X x", " stdout F x"])(
    "are undefined for %j, which is none",
    (line) => expect(parseLogLine(line)).toBeUndefined(),
  );

  it("may end after the tag, and may carry more tags", () => {
    expect(parseLogLine("t stdout F")?.text).toBe("");
    expect(parseLogLine("t stdout P:x text")).toMatchObject({ partial: true, text: "text" });
  });
});
