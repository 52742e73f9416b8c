import { describe, expect, it } from "vitest";
import { formatEndpoint, parseEndpoint } from "./endpoint.ts";

describe("parseEndpoint()", () => {
  it.each([
    ["unix:///run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix:/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix:///a%20b", { kind: "unix", path: "/a b" }],
    ["tcp://127.0.0.1:80", { kind: "tcp", host: "127.0.0.1", port: 80 }],
    ["tcp://[::1]:80", { kind: "tcp", host: "::1", port: 80 }],
  ])("reads %s", (text, endpoint) => expect(parseEndpoint(text)).toEqual(endpoint));

  it.each([
    "",
    "x",
    "unix://x/y",
    "unix:///%zz",
    "unix:///a%00b",
    `/${"x".repeat(107)}`,
    "tcp://a",
    "tcp://a:0",
    "tcp://a:65536",
    "npipe://x",
  ])("refuses %j", (text) =>
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" })),
  );

  it("takes the longest path that a socket can have", () => {
    const path = `/${"x".repeat(106)}`;
    expect(formatEndpoint(parseEndpoint(path))).toBe(`unix://${path}`);
  });
});
