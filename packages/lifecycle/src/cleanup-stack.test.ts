import { describe, expect, it } from "vitest";
import { CleanupStack } from "./cleanup-stack.ts";

describe("CleanupStack", () => {
  it("runs the last first, past failures, and reports them all", async () => {
    const ran: string[] = [];
    const stack = new CleanupStack();
    stack.defer("a", () => ran.push("a"));
    stack.defer("b", () => Promise.reject(new Error("b broke")));
    stack.defer("c", () => {
      throw new Error("c broke");
    });
    await expect(stack.close()).rejects.toMatchObject({
      errors: [{ message: "clean up c" }, { message: "clean up b" }],
    });
    expect(ran).toEqual(["a"]);
  });

  it("runs everything once, however often it is closed", async () => {
    let runs = 0;
    const stack = new CleanupStack();
    stack.defer("x", () => runs++);
    await Promise.all([stack.close(), stack.close(), stack[Symbol.asyncDispose]()]);
    expect(runs).toBe(1);
    expect(() => stack.defer("late", () => {})).toThrow("closed");
  });
});
