import { create, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { ContainerConfigSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { expect, it } from "vitest";
import type { Json } from "../ports/index.ts";
import { inspectContainer, inspectSandbox } from "./inspect.ts";
import { recordedFields } from "./recorded-fields.ts";

/** A message with something in each of its fields, down to the last. */
function filled(message: DescMessage): Record<string, unknown> {
  return Object.fromEntries(
    message.fields.map((field) => {
      const value = something(field);
      if (field.fieldKind === "list") return [field.localName, [value]];
      return [field.localName, field.fieldKind === "map" ? { key: value } : value];
    }),
  );
}

function something(field: DescField): unknown {
  if (field.message !== undefined) return filled(field.message);
  if (field.enum !== undefined) return 1;
  switch (field.scalar) {
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return Uint8Array.of(1);
    case ScalarType.STRING:
    case undefined: // the text of a map
      return "x";
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    default:
      return 1;
  }
}

/** `Message.field` of all that JSON of a message shows. */
function shownIn(json: JsonValue | undefined, message: DescMessage): readonly string[] {
  if (typeof json !== "object" || json === null) return [];
  if (Array.isArray(json)) return json.flatMap((one) => shownIn(one, message));
  return message.fields.flatMap((field) => {
    const value = json[field.name];
    if (value === undefined) return [];
    return [`${message.name}.${field.name}`, ...(field.message === undefined ? [] : shownIn(value, field.message))];
  });
}

function configIn(info: Json): JsonValue | undefined {
  if (typeof info !== "object" || info === null || !("config" in info)) throw new Error("there is no config");
  return JSON.parse(JSON.stringify(info.config)) as JsonValue;
}

it("what is said to be recorded is shown by the verbose status", () => {
  const common = { id: "a", createdAtNs: 1n, steps: [] };
  const container = inspectContainer({
    ...common,
    sandboxId: "b",
    logPath: "",
    image: { id: "c", ref: "d" },
    config: create(ContainerConfigSchema, filled(ContainerConfigSchema)),
  });
  const config = create(PodSandboxConfigSchema, filled(PodSandboxConfigSchema));
  const sandbox = inspectSandbox({ ...common, runtimeHandler: "", config });
  const shown = new Set([
    ...shownIn(configIn(container), ContainerConfigSchema),
    ...shownIn(configIn(sandbox), PodSandboxConfigSchema),
  ]);
  const said = recordedFields.flatMap(({ message, notes }) =>
    Object.keys(notes).map((name) => `${message.name}.${message.field[name]?.name}`),
  );
  expect(said.length).toBeGreaterThan(80);
  expect(said.filter((field) => !shown.has(field))).toEqual([]);
});
