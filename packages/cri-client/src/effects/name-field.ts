import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Path } from "./places.ts";

/** `linux.security_context` → the fields on the way, in order. @throws for a name that the message does not have */
export function fieldsOf(schema: DescMessage, names: string): DescField[] {
  let at: DescMessage | undefined = schema;
  return names.split(".").map((name) => {
    const field: DescField | undefined = at?.fields.find((one) => one.name === name);
    if (field === undefined) throw new Error(`${schema.typeName} has no field ${names}`);
    at = field.message;
    return field;
  });
}

/** A path in the proto file's spelling, from the request: `config.mounts[0].recursive_read_only`. */
export function namePath(schema: DescMessage, path: Path, rest?: string): string {
  let at: DescMessage | undefined = schema;
  let text = "";
  for (const key of path) {
    if (typeof key === "number") {
      text += `[${key}]`;
      continue;
    }
    const field: DescField | undefined = at?.fields.find((one) => one.localName === key);
    text += `${text === "" ? "" : "."}${field?.name ?? key}`;
    at = field?.message;
  }
  if (rest === undefined) return text;
  return text === "" ? rest : `${text}.${rest}`;
}
