import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ContainerConfigSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, containerFingerprint, sandboxFingerprint } from "./fingerprint.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const container = (config: MessageInitShape<typeof ContainerConfigSchema>): string =>
  containerFingerprint(create(ContainerConfigSchema, config));

describe("containerFingerprint()", () => {
  it("ignores the order of envs", () => {
    const envs = ["A", "B", "C", "D"].map((key) => ({ key, value: bytes(`value of ${key}`) }));
    fc.assert(
      fc.property(fc.shuffledSubarray(envs, { minLength: envs.length }), (shuffled) => {
        expect(container({ envs: shuffled })).toBe(container({ envs }));
      }),
    );
  });

  it("tells values of envs apart, and which of two of one name comes last", () => {
    expect(container({ envs: [{ key: "A", value: bytes("1") }] })).not.toBe(
      container({ envs: [{ key: "A", value: bytes("2") }] }),
    );
    const [one, two] = [
      { key: "A", value: bytes("1") },
      { key: "A", value: bytes("2") },
    ];
    expect(container({ envs: [one, two] })).not.toBe(container({ envs: [two, one] }));
  });

  it("ignores where the termination log lies on the host, and no other mount", () => {
    const mounts = (hostPath: string, containerPath = "/dev/termination-log") => ({
      mounts: [{ containerPath, hostPath }],
    });
    expect(container(mounts("/pods/1/x"))).toBe(container(mounts("/pods/1/y")));
    expect(container(mounts("/pods/1/x", "/data"))).not.toBe(container(mounts("/pods/1/y", "/data")));
    const annotations = { "io.kubernetes.container.terminationMessagePath": "/log" };
    expect(container({ ...mounts("/x", "/log"), annotations })).toBe(
      container({ ...mounts("/y", "/log"), annotations }),
    );
    expect(container({ ...mounts("/x"), annotations })).not.toBe(container({ ...mounts("/y"), annotations }));
  });

  const odd: Record<string, string> = JSON.parse('{"__proto__":"x"}');

  it.each<[string, MessageInitShape<typeof ContainerConfigSchema>, MessageInitShape<typeof ContainerConfigSchema>]>([
    ["images", { image: { image: "a" } }, { image: { image: "b" } }],
    ["words", { command: ["a", "b"] }, { command: ["ab"] }],
    ["keys and values", { labels: { a: "b" } }, { labels: { b: "a" } }],
    ["fields", { args: ["x"] }, { command: ["x"] }],
    ["flags", { tty: true }, {}],
    ["nested fields", { linux: { resources: { cpuShares: 2n } } }, { linux: { resources: { cpuQuota: 2n } } }],
    ["odd keys", { labels: odd }, {}],
  ])("tells %s apart", (_what, one, other) => {
    expect(container(one)).not.toBe(container(other));
  });

  it("is the same for a message in whatever buffer it came", () => {
    const config = create(ContainerConfigSchema, { envs: [{ key: "A", value: bytes("value") }] });
    const encoded = toBinary(ContainerConfigSchema, config);
    const fromNode = fromBinary(ContainerConfigSchema, Buffer.from(encoded));
    expect(containerFingerprint(fromNode)).toBe(containerFingerprint(fromBinary(ContainerConfigSchema, encoded)));
  });

  it("sees fields that this version does not know", () => {
    const config = create(ContainerConfigSchema, {});
    const newer = fromBinary(ContainerConfigSchema, Uint8Array.from([0xc2, 0x3e, 1, 65]));
    expect(containerFingerprint(newer)).not.toBe(containerFingerprint(config));
  });
});

describe("sandboxFingerprint()", () => {
  it("ignores the order of maps and tells handlers apart", () => {
    const one = create(PodSandboxConfigSchema, { labels: { a: "1", b: "2" } });
    const other = create(PodSandboxConfigSchema, { labels: { b: "2", a: "1" } });
    expect(sandboxFingerprint(one, "")).toBe(sandboxFingerprint(other, ""));
    expect(sandboxFingerprint(one, "")).not.toBe(sandboxFingerprint(one, "kata"));
  });
});

describe("canonicalJson()", () => {
  it("gives equal text for equal data in whatever order of keys, and only for it", () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.oneof(fc.string(), fc.bigInt(), fc.boolean())), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(entries, entries, (one, other) => {
        expect(canonicalJson(Object.fromEntries(one))).toBe(canonicalJson(Object.fromEntries(one.toReversed())));
        const same =
          canonicalJson(new Map(one).size === 0 ? {} : Object.fromEntries(one)) ===
          canonicalJson(Object.fromEntries(other));
        const equal =
          one.length === other.length && one.every(([key, value]) => other.some(([k, v]) => k === key && v === value));
        expect(same).toBe(equal);
      }),
    );
  });
});
