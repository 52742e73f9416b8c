import type { DescField } from "@bufbuild/protobuf";

/** What a message is to who walks its fields: plain data under the local names of its descriptor. */
export type Fields = Record<string, unknown>;

/** A field's value; undefined when it is not set, or not the one that is set of its oneof. */
export function readField(message: Fields, field: DescField): unknown {
  if (field.oneof === undefined) return message[field.localName] ?? undefined;
  const choice = message[field.oneof.localName] as Fields | undefined;
  return choice?.case === field.localName ? (choice.value ?? undefined) : undefined;
}

/** Sets a field, or unsets it with undefined. */
export function writeField(message: Fields, field: DescField, value: unknown): void {
  if (field.oneof !== undefined) {
    message[field.oneof.localName] = value === undefined ? { case: undefined } : { case: field.localName, value };
  } else if (value === undefined) delete message[field.localName];
  else message[field.localName] = value;
}

/** Changes each item of a list, each value of a map, or the one value; what becomes undefined is left out. */
export function mapItems(field: DescField, value: unknown, change: (item: unknown) => unknown): unknown {
  if (field.fieldKind === "list" && Array.isArray(value)) return value.map(change).filter((item) => item !== undefined);
  if (field.fieldKind !== "map" || typeof value !== "object" || value === null) return change(value);
  const entries = Object.entries(value).map(([key, item]) => [key, change(item)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

/** True for a message; a wrapper such as `Int64Value` is the bare value in its field, and a `Struct` is JSON. */
export function isMessage(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && "$typeName" in value;
}
