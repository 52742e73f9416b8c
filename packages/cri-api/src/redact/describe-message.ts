import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Fields, isMessage, mapItems, readField } from "./message-fields.ts";
import { marker } from "./redact-text.ts";
import { isSecretField } from "./secret-fields.ts";

export interface DescribeOptions {
  /** The longest text, in UTF-16 units; what is longer is cut and ends in `…`. Default 4096. */
  readonly maxLength?: number;
}

const maxDepth = 32;

/**
 * A message as one line for a log: JSON with the proto's JSON names, without what has its default value, each secret
 * field as `[redacted]` (see redactMessage()), of other bytes (values of environment variables) only how many they are.
 * For people, not to be read back; it takes a message whose values are not of their types too.
 */
export function describeMessage<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
  { maxLength = 4096 }: DescribeOptions = {},
): string {
  const text = JSON.stringify(toPlain(schema, message as unknown as Fields, 0));
  return text.length > maxLength ? `${text.slice(0, Math.max(0, maxLength - 1)).toWellFormed()}…` : text;
}

function toPlain(schema: DescMessage, message: Fields, depth: number): Fields | string {
  if (depth > maxDepth) return "…";
  const plain: Fields = {};
  for (const field of schema.fields) {
    const value = readField(message, field);
    if (value === undefined || (field.oneof === undefined && isEmpty(value))) continue;
    plain[field.jsonName] = mapItems(field, value, (item) => plainItem(field, item, depth));
  }
  return plain;
}

function plainItem(field: DescField, item: unknown, depth: number): unknown {
  if (isSecretField(field)) return marker;
  if (field.message !== undefined && isMessage(item)) return toPlain(field.message, item, depth + 1);
  if (field.enum !== undefined && typeof item === "number") return field.enum.value[item]?.name ?? item;
  if (item instanceof Uint8Array) return `${item.length} bytes`;
  if (typeof item === "bigint") return String(item);
  return typeof item === "string" || typeof item === "number" || typeof item === "boolean" ? item : `(${typeof item})`;
}

function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0 || value === 0n || value === false) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return typeof value === "object" && value !== null && !isMessage(value) && Object.keys(value).length === 0;
}
