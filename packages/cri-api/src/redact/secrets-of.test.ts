import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AuthConfigSchema } from "../gen/runtime/v1/api_pb.ts";
import { secretsOf } from "./secrets-of.ts";

describe("secretsOf()", () => {
  it("knows the password within auth, padded as Docker does it, and base64 without its padding", () => {
    const auth = btoa("user:hunter2\0\0");
    const found = secretsOf(AuthConfigSchema, create(AuthConfigSchema, { auth }));
    expect(found).toEqual(expect.arrayContaining([auth, "hunter2", auth.replaceAll("=", "")]));
  });

  it.each([
    ["padding within a password", btoa(`user:${"\0".repeat(1_000_000)}x`)],
    ["padding within base64", `${"=".repeat(1_000_000)}x`],
    ["nothing but padding", "=".repeat(1_000_000)],
  ])("T12.02: takes time in proportion to the text, whatever it is: %s", (_, auth) => {
    const began = performance.now();
    expect(secretsOf(AuthConfigSchema, create(AuthConfigSchema, { auth }))).toContain(auth);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
