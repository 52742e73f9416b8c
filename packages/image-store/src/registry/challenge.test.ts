import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChallenges } from "./challenge.ts";

const read = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("parseChallenges()", () => {
  it.each([
    [
      'Bearer realm="https://a/t",service="s",scope="x:y:z"',
      [["bearer", { realm: "https://a/t", service: "s", scope: "x:y:z" }]],
    ],
    ["Basic", [["basic", {}]]],
    ["Basic realm=r", [["basic", { realm: "r" }]]],
    [
      'Basic realm="a", Bearer realm="b"',
      [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    ],
    [
      'NTLM, BEARER  Realm = "q\\"uo,ted" , error=x',
      [
        ["ntlm", {}],
        ["bearer", { realm: 'q"uo,ted', error: "x" }],
      ],
    ],
    ['Bearer realm="first",realm="second"', [["bearer", { realm: "first" }]]],
    ['Bearer realm="open', [["bearer", {}]]],
    ['realm="no scheme"', []],
    ["", []],
    ['Bearer realm="a\r\nx: 1"', []],
    ['Bearer realm="a\0"', []],
  ])("reads %j", (header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it("keeps foreign names out of prototypes", () => {
    expect(parseChallenges('Bearer __proto__="x"')[0]?.parameters.get("__proto__")).toBe("x");
    expect(parseChallenges("Bearer")[0]?.parameters.get("constructor")).toBeUndefined();
  });

  it("T12.02 is linear up to its limit, and holds nothing beyond it", () => {
    const start = performance.now();
    for (const unit of ['a="', "a=", ",", " ", '\\"', "Bearer ", 'x="y",']) {
      for (const length of [1_000, 8_000, 100_000, 10_000_000]) {
        const header = `Bearer ${unit.repeat(length / unit.length)}`;
        if (header.length > 8192) expect(parseChallenges(header)).toEqual([]);
        else parseChallenges(header);
      }
    }
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("never throws", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("Bearer", "a", "=", '"', ",", " ", "\\", "é", "\t", "\r"), { maxLength: 30 }),
        (parts) => {
          parseChallenges(parts.join(""));
        },
      ),
    );
  });
});
