import { readFileSync } from "node:fs";
import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { file_runtime_v1_api } from "@keelson/cri-api/v1";
import { file_runtime_v1alpha2_api } from "@keelson/cri-api/v1alpha2";
import { describe, expect, it } from "vitest";

interface FieldFacts {
  n: number;
  type: string;
  deprecated?: boolean;
  debug_redact?: boolean;
}
interface Facts {
  package: string;
  goPackage: string;
  services: Record<string, Record<string, { in: string; out: string }>>;
  enums: Record<string, Record<string, number>>;
  messages: Record<string, { fields?: Record<string, FieldFacts>; enums?: Record<string, Record<string, number>> }>;
}

function typeOf(field: DescField, packageName: string): string {
  const one = (kind: "scalar" | "enum" | "message"): string => {
    if (kind === "scalar") return ScalarType[field.scalar as ScalarType].toLowerCase();
    if (kind === "enum") return (field.enum?.typeName ?? "").slice(packageName.length + 1);
    return (field.message?.typeName ?? "").slice(packageName.length + 1);
  };
  switch (field.fieldKind) {
    case "list":
      return `repeated ${one(field.listKind)}`;
    case "map":
      return `map<${ScalarType[field.mapKey].toLowerCase()}, ${one(field.mapKind)}>`;
    default:
      return one(field.fieldKind);
  }
}

function enumFacts(values: readonly { name: string; number: number }[]): Record<string, number> {
  return Object.fromEntries(values.map((value) => [value.name, value.number]));
}

function describeFile(file: typeof file_runtime_v1_api): Facts {
  const packageName = file.proto.package;
  return {
    package: packageName,
    goPackage: file.proto.options?.goPackage ?? "",
    services: Object.fromEntries(
      file.services.map((service) => [
        service.name,
        Object.fromEntries(
          service.methods.map((method) => [
            method.name,
            {
              in: method.input.name,
              out: `${method.methodKind === "server_streaming" ? "stream " : ""}${method.output.name}`,
            },
          ]),
        ),
      ]),
    ),
    enums: Object.fromEntries(file.enums.map((one) => [one.name, enumFacts(one.values)])),
    messages: Object.fromEntries(
      file.messages.map((message) => [
        message.name,
        {
          fields: Object.fromEntries(
            message.fields.map((field) => {
              return [
                field.name,
                {
                  n: field.number,
                  type: typeOf(field, packageName),
                  ...(field.deprecated ? { deprecated: true } : {}),
                  ...(field.proto.options?.debugRedact === true ? { debug_redact: true } : {}),
                },
              ];
            }),
          ),
          ...(message.nestedEnums.length > 0
            ? { enums: Object.fromEntries(message.nestedEnums.map((one) => [one.name, enumFacts(one.values)])) }
            : {}),
        },
      ]),
    ),
  };
}

function factsOf(version: string): Facts {
  const facts = JSON.parse(readFileSync(new URL(`./facts/${version}.json`, import.meta.url), "utf8")) as Facts;
  // a message without fields is {} in the facts
  for (const message of Object.values(facts.messages)) message.fields ??= {};
  return facts;
}

describe.each([
  ["v1", file_runtime_v1_api, 43, 175],
  ["v1alpha2", file_runtime_v1alpha2_api, 29, 122],
] as const)("proto runtime.%s", (version, file, rpcs, messages) => {
  it("has the services, enums, messages and fields of the interface, no more and no fewer", () => {
    expect(describeFile(file)).toEqual(factsOf(version));
  });

  it(`counts ${rpcs} RPCs and ${messages} messages`, () => {
    expect(file.services.flatMap((service) => service.methods)).toHaveLength(rpcs);
    expect(file.messages).toHaveLength(messages);
  });

  it("marks secrets as such, where this version can", () => {
    const secrets = file.messages.flatMap((m) => m.fields).filter((f) => f.proto.options?.debugRedact === true);
    expect(secrets.map((field) => field.name)).toEqual(
      version === "v1" ? ["password", "auth", "identity_token", "registry_token"] : [],
    );
  });
});
