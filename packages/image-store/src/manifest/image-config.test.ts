import { isCriError } from "@keelson/cri-api/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDigest } from "../reference/index.ts";
import { chainIds } from "./chain-id.ts";
import { parseImageConfig } from "./image-config.ts";
import { platformFit } from "./platform.ts";

const hex = "0123456789abcdef".repeat(4);
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const rootfs = { type: "layers", diff_ids: [`sha256:${hex}`] };
const withConfig = (config: unknown) => bytes({ os: "linux", architecture: "amd64", rootfs, config });
const refusal = (input: Uint8Array): string => {
  try {
    parseImageConfig(input);
  } catch (error) {
    if (isCriError(error, "FAILED_PRECONDITION")) return error.message;
    throw error;
  }
  return "";
};

describe("parseImageConfig()", () => {
  it("reads every field, and leaves out what it does not know", () => {
    const config = parseImageConfig(
      bytes({
        created: "2024-01-01T00:00:00Z",
        author: "me",
        os: "linux",
        architecture: "arm64",
        variant: "v8",
        rootfs,
        history: [{ secret: 1 }],
        container_config: { Cmd: ["x"] },
        config: {
          Env: ["PATH=/bin", "EMPTY=", "A=b=c"],
          Cmd: ["sh", "-c", ""],
          Entrypoint: null,
          User: "1000:1000",
          WorkingDir: "/work",
          Volumes: { "/data": {}, "/x": {} },
          ExposedPorts: { "80/tcp": {} },
          Labels: { a: "1", "": "2" },
          StopSignal: "SIGQUIT",
          OnBuild: ["x"],
        },
      }),
    );
    expect(config).toEqual({
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
      created: "2024-01-01T00:00:00Z",
      author: "me",
      env: ["PATH=/bin", "EMPTY=", "A=b=c"],
      cmd: ["sh", "-c", ""],
      entrypoint: [],
      user: "1000:1000",
      workingDir: "/work",
      stopSignal: "SIGQUIT",
      volumes: ["/data", "/x"],
      exposedPorts: ["80/tcp"],
      labels: expect.any(Map),
      diffIds: [`sha256:${hex}`],
    });
    expect([...config.labels]).toEqual([
      ["a", "1"],
      ["", "2"],
    ]);
  });

  it("T3.12 is frozen to the bottom", () => {
    const config = parseImageConfig(withConfig({ Env: ["A=1"], Labels: { a: "1" } }));
    expect(() => (config.env as string[]).push("B=2")).toThrow(TypeError);
    expect(() => (config.labels as Map<string, string>).set("b", "2")).toThrow(TypeError);
    expect(() => Object.assign(config, { user: "0" })).toThrow(TypeError);
    expect(() => Object.assign(config.platform, { os: "x" })).toThrow(TypeError);
  });

  it.each([
    [{ Env: ["NOEQ"] }, 'Env 1: "NOEQ" has no "="'],
    [{ Env: ["A=1", "*"] }, 'Env 2: "*" has no "="'],
    [{ Env: ["=x"] }, "has no name"],
    [{ Env: ["A=\0B"] }, "NUL"],
    [{ Env: [1] }, "Env 1: it is not a string"],
    [{ Env: { A: 1 } }, "Env: it is not a list"],
    [{ Env: [`A=${"x".repeat(131_072)}`] }, "at most 131071"],
    [{ Env: Array(10_001).fill("A=1") }, "at most 10000"],
    [{ Cmd: "sh" }, "Cmd: it is not a list"],
    [{ Cmd: [null] }, "Cmd 1"],
    [{ Entrypoint: ["a\0"] }, "NUL"],
    [{ User: 0 }, "User"],
    [{ User: "a\nroot:x:0:0" }, "control characters"],
    [{ User: "\u001b[2J" }, "control characters"],
    [{ WorkingDir: "/a\0b" }, "NUL"],
    [{ WorkingDir: "/".repeat(5000) }, "at most 4096"],
    [{ StopSignal: ["TERM"] }, "StopSignal"],
    [{ Volumes: ["/data"] }, "Volumes: it is not an object"],
    [{ Volumes: { "/a\0": {} } }, "NUL"],
    [{ Labels: { a: 1 } }, 'label "a"'],
    [[], "config: it is not an object"],
  ])("T3.11 refuses %j", (config, why) => {
    expect(refusal(withConfig(config))).toContain(why);
  });

  it.each([
    [bytes("{"), "not valid JSON"],
    [bytes("null"), "not an object"],
    [bytes({ rootfs: { type: "foo", diff_ids: [] } }), 'not "layers"'],
    [bytes({}), "rootfs"],
    [bytes({ rootfs: { type: "layers", diff_ids: ["sha256:x"] } }), "diff_id 1"],
    [bytes({ rootfs: { type: "layers", diff_ids: Array(501).fill(`sha256:${hex}`) } }), "at most 500"],
    [new Uint8Array(8 * 2 ** 20 + 1), "longer than"],
    [new Uint8Array([0xff]), "not valid JSON"],
  ])("T3.11 refuses a config that is none", (input, why) => {
    expect(refusal(input)).toContain(why);
  });

  it("T12.01 stores labels named like prototype members, and changes no prototype", () => {
    const config = parseImageConfig(
      bytes(`{"os":"linux","architecture":"amd64","rootfs":${JSON.stringify(rootfs)},"__proto__":{"config":{"User":"evil"}},
        "config":{"__proto__":{"User":"evil"},"Labels":{"__proto__":"1","constructor":"2","toString":"3"},"Env":["__proto__=4"]}}`),
    );
    expect(config.user).toBe("");
    expect(config.labels.get("__proto__")).toBe("1");
    expect(config.labels.get("constructor")).toBe("2");
    expect(config.env).toEqual(["__proto__=4"]);
    expect(({} as { User?: string }).User).toBeUndefined();
  });

  it("T3.11 throws nothing but FAILED_PRECONDITION, whatever it gets", () => {
    const field = fc.oneof(fc.jsonValue(), fc.constant({ type: "layers", diff_ids: [] }));
    const config = fc.record(
      {
        Env: field,
        Cmd: field,
        Entrypoint: field,
        User: field,
        Labels: field,
        Volumes: field,
        ExposedPorts: field,
        StopSignal: field,
        WorkingDir: field,
      },
      { requiredKeys: [] },
    );
    const root = fc.record(
      { os: field, architecture: field, rootfs: fc.constant(rootfs), config: fc.oneof(config, field) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(root, (value) => void refusal(bytes(value))),
      { numRuns: 500 },
    );
  });
});

describe("chainIds()", () => {
  // computed with sha256sum after the OCI image-spec's formula
  const a = parseDigest("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae");
  const b = parseDigest("sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9");
  it("begins with the first diff ID and hashes each further one with all below", () => {
    expect(chainIds([])).toEqual([]);
    expect(chainIds([a])).toEqual([a]);
    expect(chainIds([a, b, a])).toEqual([
      a,
      "sha256:9abe30faa5bc3b839df938728ef8d9af0bcbe042db6d46fc4d816ae64d60a786",
      "sha256:6615b376bb0ccd9ee74a5f72bbb7b90df6c79c931e1789ab3a91294e7e82f949",
    ]);
  });
});

describe("platformFit()", () => {
  const platform = (text: string) => {
    const [os = "", architecture = "", variant = ""] = text.split("/");
    return { os, architecture, variant };
  };
  it.each([
    ["linux/amd64", "linux/amd64", 2],
    ["linux/x86_64", "linux/amd64", 2],
    ["Linux/AMD64/v1", "linux/amd64", 2],
    ["linux/amd64/v3", "linux/amd64", 0],
    ["linux/amd64", "linux/amd64/v3", 1],
    ["linux/arm64/v8", "linux/arm64", 2],
    ["linux/aarch64", "linux/arm64/v8", 2],
    ["linux/arm64", "linux/amd64", 0],
    ["windows/amd64", "linux/amd64", 0],
    ["linux/arm/v7", "linux/arm/v7", 2],
    ["linux/arm/v6", "linux/arm/v7", 0],
    ["unknown/unknown", "linux/amd64", 0],
  ])("of %s for %s is %i", (offered, wanted, fit) => {
    expect(platformFit(platform(offered), platform(wanted))).toBe(fit);
  });
});
