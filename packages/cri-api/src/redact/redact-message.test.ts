import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { scalarZeroValue } from "@bufbuild/protobuf/reflect";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import * as v1 from "../gen/runtime/v1/api_pb.ts";
import * as v1alpha2 from "../gen/runtime/v1alpha2/api_pb.ts";
import { describeMessage, hasSecrets, isSecretField, redactMessage, secretsOf } from "../redact.ts";

const files = [v1.file_runtime_v1_api, v1alpha2.file_runtime_v1alpha2_api];
const secret = "hunter2-secret";

/** A message with a value in every field, of each list and map one item; `texts` gets what it says. */
function full(schema: DescMessage, texts: string[], seen: readonly DescMessage[] = []): MessageShape<DescMessage> {
  const sample = (field: DescField): unknown => {
    if (field.message !== undefined) return full(field.message, texts, [...seen, schema]);
    if (field.enum !== undefined) return field.enum.values.at(-1)?.number;
    if (field.scalar === ScalarType.BYTES) return new TextEncoder().encode(field.name);
    if (field.scalar === ScalarType.BOOL) return true;
    if (field.scalar !== ScalarType.STRING) return scalarZeroValue(field.scalar ?? ScalarType.INT32, false);
    const text = isSecretField(field) ? secret : `${schema.name}-${field.name}`;
    texts.push(text);
    return text;
  };
  const init: Record<string, unknown> = {};
  for (const field of schema.fields) {
    if (field.message !== undefined && seen.includes(field.message)) continue;
    const value = sample(field);
    const whole = field.fieldKind === "list" ? [value] : field.fieldKind === "map" ? { key: value } : value;
    if (field.oneof === undefined) init[field.localName] = whole;
    else init[field.oneof.localName] = { case: field.localName, value };
  }
  return create(schema, init as never);
}

describe("each field that the proto marks debug_redact", () => {
  const marked = files.flatMap((file) => file.messages.flatMap((message) => message.fields.filter(isSecretField)));
  const namesOf = (file: (typeof files)[number] | undefined): string[] =>
    marked.filter((field) => field.parent.file === file).map((field) => `${field.parent.name}.${field.name}`);

  it("is marked in the descriptors, and its namesake of v1alpha2 counts as marked", () => {
    const byOption = files.flatMap((file) =>
      file.messages.flatMap((message) => message.fields.filter((field) => field.proto.options?.debugRedact === true)),
    );
    expect(byOption.map((field) => `${field.parent.typeName}.${field.name}`)).toEqual([
      "runtime.v1.AuthConfig.password",
      "runtime.v1.AuthConfig.auth",
      "runtime.v1.AuthConfig.identity_token",
      "runtime.v1.AuthConfig.registry_token",
    ]);
    expect(namesOf(files[1])).toEqual(namesOf(files[0]));
    expect(namesOf(files[0])).toHaveLength(byOption.length);
  });

  it.each(files)("shows its value nowhere, in whatever message it lies: $proto.package", (file) => {
    for (const schema of file.messages) {
      const texts: string[] = [];
      const message = full(schema, texts);
      const reached = texts.includes(secret);
      expect(hasSecrets(schema)).toBe(reached);
      expect(secretsOf(schema, message).includes(secret)).toBe(reached);
      const copied = new TextDecoder().decode(toBinary(schema, redactMessage(schema, message)));
      for (const words of [copied, describeMessage(schema, message, { maxLength: 1e9 })]) {
        expect(words).not.toContain(secret);
        expect(words.includes("[redacted]")).toBe(reached);
        for (const text of texts) if (text !== secret) expect(words).toContain(text);
      }
    }
  });
});

describe("redactMessage()", () => {
  const request = create(v1.PullImageRequestSchema, {
    image: { image: "busybox" },
    auth: { username: "u", password: secret, registryToken: "", serverAddress: "host" },
  });

  it("changes a copy and leaves what is not set", () => {
    const before = toBinary(v1.PullImageRequestSchema, request);
    expect(redactMessage(v1.PullImageRequestSchema, request)).toEqual(
      create(v1.PullImageRequestSchema, {
        image: { image: "busybox" },
        auth: { username: "u", password: "[redacted]", serverAddress: "host" },
      }),
    );
    expect(toBinary(v1.PullImageRequestSchema, request)).toEqual(before);
  });

  it("leaves out fields that the schema does not know", () => {
    const auth = fromBinary(v1.AuthConfigSchema, Uint8Array.from([0x9a, 0x06, 3, 0x61, 0x62, 0x63])); // field 99: "abc"
    expect(auth.$unknown).toHaveLength(1);
    expect(redactMessage(v1.AuthConfigSchema, auth).$unknown).toBeUndefined();
  });

  it("hides texts, bytes, lists, maps, numbers, messages and the choice of a oneof in any message type", () => {
    const schema = markedSchema();
    const inner = create(schema, { text: "in" } as never);
    const message = create(schema, {
      text: "a",
      bytes: Uint8Array.of(1),
      texts: ["b", "c"],
      map: { key: "d" },
      number: 5n,
      inner,
      choice: { case: "chosen", value: "e" },
    } as never);
    expect({ ...redactMessage(schema, message) }).toEqual({
      $typeName: "test.Marked",
      text: "[redacted]",
      bytes: new TextEncoder().encode("[redacted]"),
      texts: ["[redacted]", "[redacted]"],
      map: { key: "[redacted]" },
      number: 0n,
      choice: { case: "chosen", value: "[redacted]" },
    });
    expect(secretsOf(schema, message).toSorted()).toEqual(["\u0001", "a", "b", "c", "d", "e", "in"]);
    expect(describeMessage(schema, message)).not.toMatch(/"[a-e]"|in"/);
  });
});

describe("secretsOf()", () => {
  it("tells also what is made of user and password, and the password within auth", () => {
    const given = create(v1.AuthConfigSchema, { username: "ü", password: "pä" });
    expect(secretsOf(v1.AuthConfigSchema, given)).toEqual(["pä", "w7w6cMOk"]);
    const auth = create(v1.AuthConfigSchema, { auth: btoa("user:pass\0\0") });
    expect(secretsOf(v1.AuthConfigSchema, auth)).toEqual([btoa("user:pass\0\0"), "pass", "dXNlcjpwYXNzAAA"]);
    expect(secretsOf(v1.AuthConfigSchema, create(v1.AuthConfigSchema, { auth: "no base64!" }))).toEqual(["no base64!"]);
    expect(secretsOf(v1.AuthConfigSchema, create(v1.AuthConfigSchema))).toEqual([]);
  });
});

describe("describeMessage()", () => {
  it("is one line of JSON without what is not set", () => {
    const message = create(v1.CreateContainerRequestSchema, {
      podSandboxId: "p",
      config: {
        envs: [{ key: "K", value: new TextEncoder().encode("secret of the pod") }],
        linux: { resources: { cpuPeriod: 5n } },
      },
    });
    expect(describeMessage(v1.CreateContainerRequestSchema, message)).toBe(
      '{"podSandboxId":"p","config":{"envs":[{"key":"K","value":"17 bytes"}],"linux":{"resources":{"cpuPeriod":"5"}}}}',
    );
  });

  it("is cut at its length", () => {
    const message = create(v1.PullImageRequestSchema, { image: { image: "x".repeat(9000) } });
    expect(describeMessage(v1.PullImageRequestSchema, message)).toHaveLength(4096);
    expect(describeMessage(v1.PullImageRequestSchema, message, { maxLength: 10 })).toBe('{"image":…');
  });

  it("takes what is no proper message too", () => {
    const circle: Record<string, unknown> = {
      $typeName: "runtime.v1.PullImageRequest",
      image: 5,
      auth: "x",
      sandboxConfig: [],
    };
    circle.sandboxConfig = { $typeName: "x", metadata: circle, labels: "no map", annotations: { a: circle } };
    expect(describeMessage(v1.PullImageRequestSchema, circle as never)).toContain("(object)");
  });
});

/** A message type that no proto of ours has: every kind of field, all of them marked. */
function markedSchema(): DescMessage {
  const options = { debugRedact: true };
  const text = FieldDescriptorProto_Type.STRING;
  const label = FieldDescriptorProto_Label.OPTIONAL;
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    messageType: [
      {
        name: "Marked",
        oneofDecl: [{ name: "choice" }],
        nestedType: [
          {
            name: "MapEntry",
            options: { mapEntry: true },
            field: [
              { name: "key", number: 1, type: text, label },
              { name: "value", number: 2, type: text, label },
            ],
          },
        ],
        field: [
          { name: "text", number: 1, type: text, label, options },
          { name: "bytes", number: 2, type: FieldDescriptorProto_Type.BYTES, label, options },
          { name: "texts", number: 3, type: text, label: FieldDescriptorProto_Label.REPEATED, options },
          {
            name: "map",
            number: 4,
            type: FieldDescriptorProto_Type.MESSAGE,
            typeName: ".test.Marked.MapEntry",
            label: FieldDescriptorProto_Label.REPEATED,
            options,
          },
          { name: "number", number: 5, type: FieldDescriptorProto_Type.INT64, label, options },
          {
            name: "inner",
            number: 6,
            type: FieldDescriptorProto_Type.MESSAGE,
            typeName: ".test.Marked",
            label,
            options,
          },
          { name: "chosen", number: 7, type: text, label, oneofIndex: 0, options },
        ],
      },
    ],
  });
  const schema = createFileRegistry(file, () => undefined).getMessage("test.Marked");
  if (schema === undefined) throw new Error("no schema");
  return schema;
}
