import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatLogLine,
  formatLogLineBytes,
  type LogStream,
  parseLogLine,
  parseLogLineBytes,
  parseLogTime,
  rfc3339Nano,
} from "./logs.ts";

const time = "2023-11-14T22:13:20.000000001Z";
const timeNs = 1_700_000_000_000_000_001n;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const heads = fc.record({
  timeNs: fc.bigInt(-62_135_596_800_000_000_000n, 253_402_300_799_999_999_999n),
  stream: fc.constantFrom<LogStream>("stdout", "stderr"),
  partial: fc.boolean(),
  tags: fc.array(fc.stringMatching(/^[a-z0-9=.-]{1,12}$/), { maxLength: 4 }),
});

describe("CRI log lines", () => {
  it("have time, stream, tags and text", () => {
    const line = formatLogLine({ timeNs, stream: "stderr", text: "hello  world " });
    expect(line).toBe(`${time} stderr F hello  world \n`);
    expect(parseLogLine(line.slice(0, -1))).toEqual({
      time,
      timeNs,
      stream: "stderr",
      partial: false,
      tags: [],
      text: "hello  world ",
    });
  });

  it("are read back as they were written, as text", () => {
    const text = fc.string({ unit: "grapheme" }).filter((one) => !one.includes("\n"));
    fc.assert(
      fc.property(heads, text, (head, t) => {
        const line = formatLogLine({ ...head, text: t });
        expect(parseLogLine(line.slice(0, -1))).toEqual({ ...head, time: rfc3339Nano(head.timeNs), text: t });
      }),
    );
  });

  it("are read back as they were written, byte for byte", () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).filter((one) => !one.includes(10));
    fc.assert(
      fc.property(heads, bytes, (head, b) => {
        const line = formatLogLineBytes({ ...head, bytes: b });
        expect(line.at(-1)).toBe(10);
        expect(line.indexOf(10)).toBe(line.length - 1);
        expect(parseLogLineBytes(line.subarray(0, -1))).toEqual({ ...head, time: rfc3339Nano(head.timeNs), bytes: b });
      }),
    );
  });

  it("keep a part that ends within a character", () => {
    const euro = bytesOf("€");
    const part = formatLogLineBytes({ timeNs, stream: "stdout", partial: true, bytes: euro.subarray(0, 2) });
    expect(parseLogLineBytes(part.subarray(0, -1))).toMatchObject({ partial: true, bytes: euro.subarray(0, 2) });
  });

  it.each([
    "",
    "x",
    "   ",
    "2023 stdout F x",
    `${time} stdout`,
    `${time} stdin F x`,
    `${time} stdout X x`,
    `${time} stdout :F x`,
    `${time} stdout  x`,
    `${time}  stdout F x`,
    ` ${time} stdout F x`,
    "2023-02-29T00:00:00Z stdout F x",
    `${time} stdout F:${"x".repeat(300)} x`,
    `{"log":"x\\n","stream":"stdout","time":"${time}"}`,
  ])("are undefined for %j, which is none", (line) => {
    expect(parseLogLine(line)).toBeUndefined();
    expect(parseLogLineBytes(bytesOf(line))).toBeUndefined();
  });

  it("may end after the tag, and may carry more tags", () => {
    expect(parseLogLine(`${time} stdout F`)?.text).toBe("");
    expect(parseLogLine(`${time} stdout P:x:y text`)).toMatchObject({ partial: true, tags: ["x", "y"], text: "text" });
    expect(formatLogLine({ timeNs, stream: "stdout", tags: ["x"], text: "" })).toBe(`${time} stdout F:x \n`);
  });

  it("are parsed or undefined, whatever they are", () => {
    const near = fc
      .tuple(fc.string(), fc.constantFrom(" ", "", "\u0000"), fc.constantFrom("stdout", "stderr", "x"), fc.string())
      .map(([start, space, stream, rest]) => `${start}${space}${stream} ${rest}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), fc.uint8Array({ maxLength: 400 }), (line, bytes) => {
        parseLogLine(line);
        parseLogLineBytes(bytes);
        parseLogTime(line);
      }),
    );
  });

  it("are not written where they would be read as something else", () => {
    const forged = `a\n${time} stdout F b`;
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    expect(() => formatLogLine({ timeNs, stream: "stdout", text: forged })).toThrow(refused);
    expect(() => formatLogLineBytes({ timeNs, stream: "stdout", bytes: bytesOf(forged) })).toThrow(refused);
    for (const tag of ["", "a b", "a:b", "a\n", "x".repeat(300)]) {
      expect(() => formatLogLine({ timeNs, stream: "stdout", tags: [tag], text: "" })).toThrow(refused);
    }
    expect(() => formatLogLine({ timeNs: 2n ** 70n, stream: "stdout", text: "" })).toThrow(refused);
  });
});

describe("parseLogTime()", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0n],
    ["2023-11-14T22:13:20.000000001Z", 1_700_000_000_000_000_001n],
    ["2023-11-14T23:13:20.5+01:00", 1_700_000_000_500_000_000n],
    ["2023-11-14T16:43:20.123456-05:30", 1_700_000_000_123_456_000n],
    ["2023-11-14T22:13:20.0000000019Z", 1_700_000_000_000_000_001n],
    ["2024-02-29T23:59:59Z", 1_709_251_199_000_000_000n],
    ["0001-01-01T00:00:00Z", -62_135_596_800_000_000_000n],
    ["1969-12-31T23:59:59.999999999Z", -1n],
  ])("reads %s", (text, ns) => {
    expect(parseLogTime(text)).toBe(ns);
  });

  it.each([
    "2023-13-01T00:00:00Z",
    "2023-04-31T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2023-01-01T24:00:00Z",
    "2023-01-01T00:00:60Z",
    "2023-01-01T00:00:00",
    "2023-01-01T00:00:00.Z",
    "2023-01-01T00:00:00+24:00",
    "2023-01-01 00:00:00Z",
    "20230101T000000Z",
  ])("does not read %s", (text) => {
    expect(parseLogTime(text)).toBeUndefined();
  });

  it("agrees with the calendar on every day", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
        (date) => {
          expect(parseLogTime(date.toISOString())).toBe(BigInt(date.getTime()) * 1_000_000n);
        },
      ),
    );
  });

  it("reads back what rfc3339Nano() writes, before 1970 too", () => {
    fc.assert(
      fc.property(fc.bigInt(-62_167_219_200_000_000_000n, 253_402_300_799_999_999_999n), (ns) => {
        expect(parseLogTime(rfc3339Nano(ns))).toBe(ns);
      }),
    );
  });
});
