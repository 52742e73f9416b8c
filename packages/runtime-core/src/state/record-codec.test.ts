import { create, equals } from "@bufbuild/protobuf";
import { ContainerConfigSchema, ContainerUserSchema, MountSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ContainerRecord, Json, SandboxRecord } from "../ports/index.ts";
import { containerCodec, NewerRecord, sandboxCodec } from "./record-codec.ts";

const id = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });
const nanoseconds = fc.bigInt({ min: 0n, max: 2n ** 62n });
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const labels = fc.dictionary(fc.oneof(text, fc.constantFrom("__proto__", "constructor")), text);
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const steps = fc.array(fc.record({ name: text, plan: json, facts: json }, { requiredKeys: ["name", "plan"] }), {
  maxLength: 4,
});

const sandbox: fc.Arbitrary<SandboxRecord> = fc.record(
  {
    id,
    config: fc
      .record({ labels, hostname: text })
      .map((fields) => create(PodSandboxConfigSchema, { ...fields, metadata: { name: "pod" } })),
    runtimeHandler: text,
    createdAtNs: nanoseconds,
    steps,
    facts: fc.record({ ips: fc.array(fc.ipV4(), { maxLength: 3 }) }),
    stoppedAtNs: nanoseconds,
    lost: text,
    failed: text,
  },
  { requiredKeys: ["id", "config", "runtimeHandler", "createdAtNs", "steps"] },
);

const bytes = fc.uint8Array({ maxLength: 8 });

const container: fc.Arbitrary<ContainerRecord> = fc.record(
  {
    id,
    sandboxId: id,
    config: fc
      .record({ labels, command: fc.array(text), envs: fc.array(fc.record({ key: text, value: bytes })) })
      .map((fields) => create(ContainerConfigSchema, fields)),
    createdAtNs: nanoseconds,
    image: fc.record({ id: text, ref: text }),
    logPath: text,
    steps,
    facts: fc.record(
      {
        mounts: fc.array(
          text.map((containerPath) => create(MountSchema, { containerPath })),
          { maxLength: 2 },
        ),
        user: fc.bigInt({ min: -1n, max: 2n ** 40n }).map((uid) => create(ContainerUserSchema, { linux: { uid } })),
      },
      { requiredKeys: ["mounts"] },
    ),
    started: fc.record({ startedAtNs: nanoseconds, pid: fc.nat() }),
    exit: fc.record({
      code: fc.nat(255),
      finishedAtNs: nanoseconds,
      reason: fc.constantFrom("Completed", "Error", "OOMKilled", "StartError", "Unknown"),
      message: text,
    }),
    failed: text,
  },
  { requiredKeys: ["id", "sandboxId", "config", "createdAtNs", "image", "logPath", "steps"] },
);

describe("a record that is written and read again", () => {
  it("is the same sandbox", () => {
    fc.assert(
      fc.property(sandbox, (record) => {
        const { config, ...read } = sandboxCodec.decode(sandboxCodec.encode(record));
        const { config: written, ...rest } = record;
        expect(read).toEqual(rest);
        expect(equals(PodSandboxConfigSchema, config, written)).toBe(true);
        expect(Object.entries(config.labels)).toEqual(Object.entries(written.labels));
      }),
    );
  });

  it("is the same container", () => {
    fc.assert(
      fc.property(container, (record) => {
        const { config, facts, ...read } = containerCodec.decode(containerCodec.encode(record));
        const { config: written, facts: known, ...rest } = record;
        expect(read).toEqual(rest);
        expect(equals(ContainerConfigSchema, config, written)).toBe(true);
        expect(facts?.mounts.map(({ containerPath }) => containerPath)).toEqual(
          known?.mounts.map(({ containerPath }) => containerPath),
        );
        expect(facts?.user?.linux?.uid).toBe(known?.user?.linux?.uid);
        expect("facts" in record).toBe(facts !== undefined);
      }),
    );
  });
});

describe("bytes that are no record", () => {
  const good: SandboxRecord = {
    id: "a".repeat(64),
    config: create(PodSandboxConfigSchema),
    runtimeHandler: "",
    createdAtNs: 1n,
    steps: [],
  };
  const fields = JSON.parse(new TextDecoder().decode(sandboxCodec.encode(good)));
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

  it.each([
    ["an empty value", new Uint8Array(), /JSON/],
    ["no UTF-8", Uint8Array.of(0xff, 0xfe), /encoded data/],
    ["a list", encode([]), /record/],
    ["no version", encode({ ...fields, version: undefined }), /version/],
    ["an ID that is none", encode({ ...fields, id: "../x" }), /id/],
    [
      "an inherited field",
      encode({ version: 1, id: fields.id, config: fields.config, steps: [], createdAtNs: "1" }),
      /runtimeHandler/,
    ],
    ["a time that is a number", encode({ ...fields, createdAtNs: 5 }), /createdAtNs/],
    ["a time that is no number", encode({ ...fields, createdAtNs: "1e3" }), /createdAtNs/],
    ["a time below zero", encode({ ...fields, createdAtNs: "-1" }), /createdAtNs/],
    ["a config that is none", encode({ ...fields, config: "////" }), /./],
    ["a step without a plan", encode({ ...fields, steps: [{ name: "x" }] }), /plan/],
    ["addresses that are none", encode({ ...fields, facts: { ips: [4] } }), /ips/],
  ])("are refused: %s", (_what, bytes, message) => {
    expect(() => sandboxCodec.decode(bytes)).toThrow(message);
  });

  it("are told apart from what a newer version wrote", () => {
    expect(() => sandboxCodec.decode(encode({ ...fields, version: 2 }))).toThrow(NewerRecord);
  });
});
