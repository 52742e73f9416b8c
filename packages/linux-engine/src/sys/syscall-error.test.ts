import { constants } from "node:os";
import { expect, it } from "vitest";
import { isErrno, SyscallError } from "./syscall-error.ts";

it("a SyscallError names call, subject and error, also one that libuv does not know", () => {
  const error = new SyscallError("mount", constants.errno.ENOENT, "/a\nb");
  expect(error.message).toBe('mount "/a\\u000ab": ENOENT, no such file or directory');
  expect([error.code, error.errno]).toEqual(["INTERNAL", "ENOENT"]);
  expect(new SyscallError("connect", constants.errno.EINPROGRESS).message).toMatch(/^connect: EINPROGRESS/);
  expect(new SyscallError("read", constants.errno.EAGAIN).errno).toBe("EAGAIN");
  expect(new SyscallError("x", 9999).errno).toBe("errno 9999");
});

it("a machine that has run out of something is RESOURCE_EXHAUSTED", () => {
  for (const name of ["EMFILE", "ENOSPC", "ENOMEM"] as const) {
    expect(new SyscallError("x", constants.errno[name]).code).toBe("RESOURCE_EXHAUSTED");
  }
});

it("isErrno() knows our errors and those of node:fs", () => {
  expect(isErrno(new SyscallError("x", constants.errno.EBUSY), "ENOENT", "EBUSY")).toBe(true);
  expect(isErrno(Object.assign(new Error("x"), { code: "ENOENT" }), "ENOENT")).toBe(true);
  expect(isErrno(new Error("ENOENT"), "ENOENT")).toBe(false);
  expect(isErrno(undefined, "ENOENT")).toBe(false);
});
