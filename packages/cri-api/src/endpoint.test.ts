import { describe, expect, it } from "vitest";
import { formatEndpoint, parseEndpoint } from "./endpoint.ts";

describe("parseEndpoint()", () => {
  it.each([
    ["unix:///run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix:/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix:///a%20b", { kind: "unix", path: "/a b" }],
    ["/a%20b", { kind: "unix", path: "/a%20b" }],
    ["containerd", { kind: "unix", path: "/run/containerd/containerd.sock" }],
    ["keelson", { kind: "unix", path: "/run/keelson/keelsond.sock" }],
    ["unix-abstract:name", { kind: "abstract", name: "name" }],
    ["tcp://127.0.0.1:80", { kind: "tcp", host: "127.0.0.1", port: 80 }],
    ["tcp://[::1]:80", { kind: "tcp", host: "::1", port: 80 }],
  ])("reads %s", (text, endpoint) => expect(parseEndpoint(text)).toEqual(endpoint));

  it.each([
    ["x.sock", "/work/x.sock"],
    ["./x.sock", "/work/x.sock"],
    ["../x.sock", "/work/../x.sock"],
    ["run/x.sock", "/work/run/x.sock"],
    ["unix:run/x.sock", "/work/run/x.sock"],
  ])("reads %s below a folder", (text, path) =>
    expect(parseEndpoint(text, { cwd: "/work" })).toEqual({ kind: "unix", path }),
  );

  it("reads a relative path below the root", () =>
    expect(parseEndpoint("x.sock", { cwd: "/" })).toEqual({ kind: "unix", path: "/x.sock" }));

  it.each([
    "",
    "x",
    "run/x.sock",
    "/run/",
    "unix-abstract:",
    `unix-abstract:${"x".repeat(108)}`,
    "constructor",
    "vsock://2:1",
    "http://127.0.0.1:80",
    "unix://x/y",
    "unix:///%zz",
    "unix:///a%00b",
    `/${"x".repeat(107)}`,
    "tcp://a",
    "tcp://a:0",
    "tcp://a:65536",
    "tcp://1.2.3.999:80",
    "tcp://[:::]:80",
    "npipe://x",
  ])("refuses %j", (text) =>
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" })),
  );

  it("says where the three slashes go", () =>
    expect(() => parseEndpoint("unix://run/x.sock")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("unix:///run/x.sock") }),
    ));

  it.each(["unix:///run/x.sock", "unix:///a%20b%25", "unix-abstract:a%25b", "tcp://[::1]:80"])(
    "prints %s as it is",
    (text) => expect(formatEndpoint(parseEndpoint(text))).toBe(text),
  );

  it("takes the longest path that a socket can have", () => {
    const path = `/${"x".repeat(106)}`;
    expect(formatEndpoint(parseEndpoint(path))).toBe(`unix://${path}`);
  });
});
