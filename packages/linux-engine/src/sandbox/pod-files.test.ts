import { create } from "@bufbuild/protobuf";
import { DNSConfigSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { podHostname, resolvConfText } from "./pod-files.ts";
import { ownPrefix, sandboxPaths } from "./sandbox-paths.ts";

const dns = (init: object) => create(DNSConfigSchema, init);

describe("resolvConfText()", () => {
  it("writes what containerd writes", () => {
    expect(resolvConfText(undefined)).toBeUndefined();
    expect(resolvConfText(dns({}))).toBe("");
    expect(
      resolvConfText(
        dns({ servers: ["10.0.0.10", "fe80::1%eth0"], searches: ["a.b", "c"], options: ["ndots:5", "edns0"] }),
      ),
    ).toBe("search a.b c\nnameserver 10.0.0.10\nnameserver fe80::1%eth0\noptions ndots:5 edns0\n");
  });

  it.each([
    [{ servers: ["dns.example"] }],
    [{ servers: ["1.1.1.1\nsearch x"] }],
    [{ searches: ["a\nnameserver 6.6.6.6"] }],
    [{ searches: [""] }],
    [{ options: ["a b"] }],
    [{ searches: Array(10_000).fill("some.domain") }],
  ])("refuses %j", (init) => {
    expect(() => resolvConfText(dns(init))).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("podHostname()", () => {
  const hostname = (text: string) => podHostname(create(PodSandboxConfigSchema, { hostname: text }));
  it("is what the request says, if it can be one", () => {
    expect(hostname("")).toBeUndefined();
    expect(hostname("web-0")).toBe("web-0");
    expect(hostname("x".repeat(64))).toHaveLength(64);
    for (const text of ["x".repeat(65), "a b", "a\n", "a\u0000", "ü".repeat(33)]) {
      expect(() => hostname(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  });
});

describe("sandboxPaths()", () => {
  it("keeps two roots on one machine apart", () => {
    const id = "ab".repeat(32);
    const at = (root: string) => sandboxPaths({ root, state: "/run/k" }, id);
    expect(ownPrefix("/var/lib/keelson")).toMatch(/^keelson-[0-9a-f]{8}$/);
    expect(at("/a").netns).not.toBe(at("/b").netns);
    expect(at("/a").netns).toBe(`/var/run/netns/${ownPrefix("/a")}-${id.slice(0, 32)}`);
    expect(at("/a").files.hosts).toBe(`/a/sandboxes/${id}/hosts`);
    expect(at("/a").shm).toBe(`/run/k/sandboxes/${id}/shm`);
  });
});
