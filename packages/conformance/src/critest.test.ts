import { describe, expect, it } from "vitest";
import { critestCases } from "./critest-cases.ts";
import { critestWaiting } from "./critest-waiting.ts";
import { selectCases } from "./run/select-cases.ts";

const counterparts = new Set(selectCases().flatMap(({ one }) => one.critest ?? []));
const waiting = Object.keys(critestWaiting);

describe("cases of critest", () => {
  it("have a counterpart here, or wait for a capability", () => {
    expect(critestCases.filter((name) => !counterparts.has(name) && !waiting.includes(name))).toEqual([]);
  });

  it("wait no longer when they have a counterpart", () => {
    expect(waiting.filter((name) => counterparts.has(name))).toEqual([]);
  });

  it("are named as critest names them", () => {
    const names: readonly string[] = critestCases;
    expect([...counterparts, ...waiting].filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
});
