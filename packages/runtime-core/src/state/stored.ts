import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { Json } from "../ports/index.ts";

/** A JSON object as it came from the store; nothing in it is believed before it was read with a type. */
export type Stored = Readonly<Record<string, unknown>>;

export function asStored(value: unknown, field: string): Stored {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(field, "an object", value);
  return value as Stored;
}

export function text(from: Stored, field: string): string {
  const value = own(from, field);
  if (typeof value !== "string") throw wrong(field, "a string", value);
  return value;
}

export function optional<T>(from: Stored, field: string, read: (from: Stored, field: string) => T): T | undefined {
  return own(from, field) === undefined ? undefined : read(from, field);
}

export function integer(from: Stored, field: string): number {
  const value = own(from, field);
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(field, "an integer", value);
  return value;
}

/** Nanoseconds, written as a decimal string because JSON's numbers end at 2^53. */
export function nanoseconds(from: Stored, field: string): bigint {
  const value = text(from, field);
  if (!/^[0-9]{1,19}$/.test(value)) throw wrong(field, "a decimal number", value);
  return BigInt(value);
}

export function list(from: Stored, field: string): readonly unknown[] {
  const value = own(from, field);
  if (!Array.isArray(value)) throw wrong(field, "a list", value);
  return value;
}

export function json(from: Stored, field: string): Json {
  const value = own(from, field);
  if (value === undefined) throw wrong(field, "a value", value);
  return value as Json;
}

// a record is written again for each step while its configuration stays the same object
const encoded = new WeakMap<object, string>();

export function encodeMessage<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string {
  let value = encoded.get(message);
  if (value === undefined) {
    value = base64Encode(toBinary(schema, message));
    encoded.set(message, value);
  }
  return value;
}

export function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  value: unknown,
  field: string,
): MessageShape<Desc> {
  if (typeof value !== "string") throw wrong(field, "a string", value);
  const message = fromBinary(schema, base64Decode(value));
  encoded.set(message, value);
  return message;
}

/** A copy that does not keep the buffer alive in which the message came. */
export function compact<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): MessageShape<Desc> {
  return decodeMessage(schema, base64Encode(toBinary(schema, message)), schema.typeName);
}

export function wrong(field: string, want: string, value: unknown): Error {
  return new Error(`read ${field}: want ${want}, have ${value === null ? "null" : typeof value}`);
}

function own(from: Stored, field: string): unknown {
  return Object.hasOwn(from, field) ? from[field] : undefined;
}
