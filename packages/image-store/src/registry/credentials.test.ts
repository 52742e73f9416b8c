import { inspect } from "node:util";
import { isCriError } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { type RegistryAuth, readCredentials } from "./credentials.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("readCredentials()", () => {
  it("T12.02: takes time in proportion to what a pull secret holds", () => {
    const began = performance.now();
    const credentials = readCredentials({ auth: base64(`u:${"\0".repeat(1_000_000)}x${"=".repeat(1_000_000)}`) });
    expect(credentials?.secrets().length).toBeGreaterThan(0);
    expect(readCredentials({ auth: base64(`u:p${"\0".repeat(1_000_000)}`) })?.reveal()).toMatchObject({
      password: "p",
    });
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it.each([
    [
      { username: "u", password: "p" },
      { kind: "basic", username: "u", password: "p" },
    ],
    [{ auth: base64("u:p:q") }, { kind: "basic", username: "u", password: "p:q" }],
    [{ auth: base64("u:p\0\0") }, { kind: "basic", username: "u", password: "p" }],
    [
      { username: "", password: "", auth: base64("u:p") },
      { kind: "basic", username: "u", password: "p" },
    ],
    [
      { username: "u", identityToken: "i" },
      { kind: "identity", token: "i" },
    ],
    [
      { identityToken: "i", registryToken: "r" },
      { kind: "registry", token: "r" },
    ],
  ])("reads %j", (auth, secret) => {
    expect(readCredentials(auth)?.reveal()).toEqual(secret);
  });

  it("takes an empty AuthConfig for none", () => {
    expect(readCredentials(undefined)).toBeUndefined();
    expect(
      readCredentials({
        username: "",
        password: "",
        auth: "",
        serverAddress: "",
        identityToken: "",
        registryToken: "",
      }),
    ).toBeUndefined();
  });

  it.each<RegistryAuth>([
    { auth: "not base64!" },
    { auth: base64("no-colon-s3cret") },
    { auth: base64(":s3cret") },
    { username: "a:s3cret", password: "s3cret" },
    { registryToken: "s3cret\r\nx: 1" },
    { identityToken: "s3cr\u00e9t" },
    { username: "u", password: "s3cret", serverAddress: "https://s3cret host/" },
  ])("T1.10 refuses %j without showing it", (auth) => {
    try {
      readCredentials(auth);
    } catch (error) {
      expect(isCriError(error, "INVALID_ARGUMENT")).toBe(true);
      expect(String(error)).not.toContain("s3c");
      return;
    }
    throw new Error("it was taken");
  });

  it.each([
    [undefined, "docker.io", "registry-1.docker.io", true],
    ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", true],
    ["docker.io", "docker.io", "registry-1.docker.io", true],
    ["https://r.example", "docker.io", "registry-1.docker.io", false],
    ["http://127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1:5000", true],
    ["127.0.0.1:5001", "127.0.0.1:5000", "127.0.0.1:5000", false],
    ["https://r.example.evil", "r.example", "r.example", false],
  ])("with server address %s they are for %s at %s: %s", (serverAddress, domain, host, expected) => {
    const auth = { username: "u", password: "p", ...(serverAddress !== undefined && { serverAddress }) };
    expect(readCredentials(auth)?.areFor(domain, host)).toBe(expected);
  });

  it("T1.10 print as [redacted]", () => {
    const credentials = readCredentials({ username: "u", password: "s3cret" });
    expect(String(credentials)).toBe("[redacted]");
    expect(JSON.stringify({ credentials })).toBe('{"credentials":"[redacted]"}');
    expect(inspect(credentials, { showHidden: true })).not.toContain("s3cret");
  });
});
