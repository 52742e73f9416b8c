import { failedPrecondition, quote } from "@keelson/cri-api/errors";

// Foreign JSON is decoded field by field: what is not named here is not taken, keys of strangers go into a Map, and a
// value of the wrong type is an error that says where.

/** @throws FAILED_PRECONDITION */
export function badContent(what: string, why: string): Error {
  return failedPrecondition(`${what}: ${why}`, { hint: "the image is faulty: build and push it anew" });
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses bytes as one JSON object in strict UTF-8. @throws FAILED_PRECONDITION */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    // the parser's message may show content, a RangeError means nesting too deep for the stack
    throw badContent(what, cause instanceof RangeError ? "it is nested too deeply" : "it is not valid JSON");
  }
  return asObject(value, what);
}

/** An own property, never an inherited one. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw badContent(what, "it is not an object");
}

export function asArray(value: unknown, what: string, maxItems: number): readonly unknown[] {
  if (!Array.isArray(value)) throw badContent(what, "it is not a list");
  if (value.length > maxItems) throw badContent(what, `it has ${value.length} items, at most ${maxItems} are allowed`);
  return value;
}

/** A string without NUL, at most `maxLength` characters long. */
export function asString(value: unknown, what: string, maxLength = 4096): string {
  if (typeof value !== "string") throw badContent(what, "it is not a string");
  if (value.length > maxLength)
    throw badContent(what, `it has ${value.length} characters, at most ${maxLength} are allowed`);
  if (value.includes("\0")) throw badContent(what, `it contains NUL: ${quote(value, 60)}`);
  return value;
}

/** Missing and null are the empty string. */
export function optionalString(object: JsonObject, key: string, what: string): string {
  const value = own(object, key);
  return value === undefined || value === null ? "" : asString(value, `${what}: ${key}`);
}

/** A whole number from 0 on that JavaScript holds exactly. */
export function asSize(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw badContent(what, "it is not a whole number from 0 to 2^53-1");
}
