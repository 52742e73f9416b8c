import { CriError } from "@keelson/cri-api/errors";
import { expect as check, describe, it } from "vitest";
import { ExpectationError, expect, expectFailure, expectSuccess } from "./expect.ts";

const fails = (run: () => void, message: RegExp): void => {
  check(run).toThrow(ExpectationError);
  check(run).toThrow(message);
};

describe("expect", () => {
  it("holds for what is so", () => {
    expect(1n).toBe(1n);
    expect({ a: [1n, "b"] }).toEqual({ a: [1n, "b"] });
    expect({ a: { b: "text", c: 1 }, d: [] }).toMatchObject({ a: { b: /^t/ }, d: [] });
    expect("abc").toContain("b");
    expect([{ a: 1 }]).toContain({ a: 1 });
    expect([1]).toHaveLength(1);
    expect(2n).toBeGreaterThan(1);
    expect(2).toBeAtLeast(2n);
    expect(1).toBeLessThan(2);
    expect(undefined).toBeUndefined();
    expect(0).toBeDefined();
    expect(0).not.toBe(1);
    expect([1]).not.toContain(2);
    expect([1]).not.toEqual([2]);
  });

  it("fails for what is not, with what was wanted and what was there", () => {
    fails(() => expect(1, "the count").toBe(2), /^the count: want 2, got 1$/);
    fails(() => expect({ a: 1 }).toEqual({ a: 1, b: undefined }), /want/);
    fails(() => expect({ a: { b: [1, 2] } }).toMatchObject({ a: { b: [1, 3] } }), /it\.a\.b\[1\]: want 3, got 2/);
    fails(() => expect({ a: [] }).toMatchObject({ a: [1] }), /want a list of 1, got one of 0/);
    fails(() => expect({ a: "x" }).toMatchObject({ a: /y/ }), /it\.a: want \/y\/, got 'x'/);
    fails(() => expect(undefined).toMatchObject({ a: 1 }), /want an object/);
    fails(() => expect(undefined).toBeGreaterThan(0), /more than 0/);
    fails(() => expect("a").toMatch(/b/), /want a match/);
    fails(() => expect([1]).not.toContain(1), /no 1 in it/);
  });
});

describe("expectFailure", () => {
  const failing = (): Promise<never> => Promise.reject(new CriError("NOT_FOUND", "there is none"));

  it("wants one of the codes, and what the message says", async () => {
    await expectFailure(failing(), "NOT_FOUND");
    await expectFailure(failing(), ["INTERNAL", "NOT_FOUND"], /none/);
    await check(expectFailure(failing(), "INTERNAL")).rejects.toThrow(/want INTERNAL, got NOT_FOUND: there is none/);
    await check(expectFailure(failing(), "NOT_FOUND", /other/)).rejects.toThrow(ExpectationError);
    await check(expectFailure(Promise.resolve(1), "NOT_FOUND")).rejects.toThrow(/want NOT_FOUND, got an answer: 1/);
    await check(expectFailure(Promise.reject(new Error("a fault of ours")), "NOT_FOUND")).rejects.toThrow(/of ours/);
  });

  it("has a counterpart for what must succeed", async () => {
    check(await expectSuccess(Promise.resolve(1))).toBe(1);
    await check(expectSuccess(failing())).rejects.toThrow(/want success, got NOT_FOUND/);
  });
});
