import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockFile } from "./lock.ts";
import { isErrno } from "./syscall-error.ts";

describe.skipIf(process.platform !== "linux")("lockFile()", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-lock-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is had by one at a time, says who has it, and can be had again", () => {
    const path = join(folder, "lock");
    const lock = lockFile(path);
    expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
    expect(() => lockFile(path)).toThrow(
      expect.objectContaining({ code: "FAILED_PRECONDITION", message: expect.stringContaining(`"${process.pid}"`) }),
    );
    lock.release();
    lock.release();
    using again = lockFile(path);
    expect(again).toBeDefined();
  });

  it("does not follow a link", () => {
    symlinkSync(join(folder, "elsewhere"), join(folder, "link"));
    try {
      lockFile(join(folder, "link"));
      expect.fail("it did not fail");
    } catch (error) {
      expect(isErrno(error, "ELOOP")).toBe(true);
    }
  });
});
