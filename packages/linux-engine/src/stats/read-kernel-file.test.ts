import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readKernelFile } from "./read-kernel-file.ts";

describe("a file that the kernel makes as it is read", () => {
  it("is read whole, also where it comes a page at a time", async () => {
    const whole = await readFile("/proc/kallsyms", "latin1");
    expect(whole.length).toBeGreaterThan(256 * 1024);
    const text = (await readKernelFile("/proc/kallsyms")) ?? "";
    expect(text.length).toBeGreaterThanOrEqual(256 * 1024);
    expect(text.length).toBeLessThan(256 * 1024 + 16 * 1024);
    expect(whole.startsWith(text)).toBe(true);
    expect(await readKernelFile("/proc/self/limits")).toBe(await readFile("/proc/self/limits", "latin1"));
  });

  it("is undefined when it is not there", async () => {
    expect(await readKernelFile("/proc/self/no-such-file")).toBeUndefined();
  });
});
