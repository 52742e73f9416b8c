import { describe, expect, it } from "vitest";
import { isMissingCommand, isNotExecutable, runtimeFailure, runtimeMessage } from "./runtime-error.ts";

const runc =
  'time="2026-11-24T17:49:46Z" level=error msg="runc create failed: unable to start container process: exec: \\"/bin/nope\\": stat /bin/nope: no such file or directory"\n';

describe("runtimeMessage()", () => {
  it("finds the sentence in logrus text, JSON lines and plain text", () => {
    expect(runtimeMessage(runc)).toBe(
      'runc create failed: unable to start container process: exec: "/bin/nope": stat /bin/nope: no such file or directory',
    );
    expect(runtimeMessage('{"msg":"first","level":"error"}\n{"msg":"last","level":"error"}\n')).toBe("last");
    expect(runtimeMessage("executable file `x` not found\n")).toBe("executable file `x` not found");
    expect(runtimeMessage("{not json\n")).toBe("{not json");
    expect(runtimeMessage("")).toBe("");
  });
});

describe("isMissingCommand()", () => {
  it("knows what crun and runc say", () => {
    for (const message of [
      'exec: "nope": executable file not found in $PATH',
      'exec: "/bin/nope": stat /bin/nope: no such file or directory',
      "executable file `nope` not found in $PATH: No such file or directory",
      "open executable: No such file or directory",
    ]) {
      expect(isMissingCommand(message), message).toBe(true);
    }
  });

  it("does not take another missing file for it", () => {
    for (const message of [
      'chdir to cwd ("/x") set in config.json failed: no such file or directory',
      'error mounting "/a" to rootfs at "/b": no such file or directory',
      'exec: "/bin": permission denied',
    ]) {
      expect(isMissingCommand(message), message).toBe(false);
    }
  });

  it("takes time that grows no faster than the text", () => {
    const begun = performance.now();
    isMissingCommand('exec: "'.repeat(100_000));
    isMissingCommand("executable file ".repeat(100_000));
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe("runtimeFailure()", () => {
  it("is NOT_FOUND only for a missing command, and always has the runtime's words", () => {
    expect(runtimeFailure("start container c", runc)).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("no such command"),
    });
    expect(runtimeFailure("start container c", "cgroups are broken")).toMatchObject({
      code: "INTERNAL",
      message: 'start container c: "cgroups are broken"',
    });
  });

  it("is FAILED_PRECONDITION for a command that can't be executed, and says what to look at", () => {
    expect(runtimeFailure("start container c", 'exec: "/bin": permission denied')).toMatchObject({
      code: "FAILED_PRECONDITION",
      hint: expect.stringContaining("executable"),
    });
    expect(runtimeFailure("start container c", "mount /x: permission denied").code).toBe("INTERNAL");
  });
});

it("isNotExecutable() knows what crun and runc say of a folder", () => {
  expect(isNotExecutable('exec: "/bin": permission denied')).toBe(true);
  expect(isNotExecutable("open executable: Operation not permitted")).toBe(true);
  expect(isNotExecutable('exec: "x": executable file not found in $PATH')).toBe(false);
});
