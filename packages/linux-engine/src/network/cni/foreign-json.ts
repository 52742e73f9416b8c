import { invalidArgument } from "@keelson/cri-api/errors";

/** A JSON object from outside. Read it with the functions of this file, which see own properties only. */
export type ForeignObject = { readonly [key: string]: unknown };

export interface JsonLimits {
  readonly maxBytes: number;
  /** How deep arrays and objects may nest; default 64. */
  readonly maxDepth?: number;
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;
const rawJson = (JSON as { readonly rawJSON?: (text: string) => unknown }).rawJSON;

/**
 * Parses JSON that a file or a program gave us and that goes on to other programs: an integer that a double can't hold
 * stays as it was written and comes out of `JSON.stringify` unchanged.
 * @throws INVALID_ARGUMENT when it is too large, too deep, not UTF-8 or not JSON
 */
export function parseForeignJson(input: Uint8Array | string, limits: JsonLimits): unknown {
  const length = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (length > limits.maxBytes) throw invalidArgument(`parse JSON: ${length} bytes, at most ${limits.maxBytes}`);
  try {
    const text = typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input);
    refuseDepth(text, limits.maxDepth ?? 64);
    return parseWithSource(text, (_key, value, context) =>
      typeof value === "number" && rawJson !== undefined && isInexactInteger(value, context.source)
        ? rawJson(context.source ?? "0")
        : value,
    );
  } catch (cause) {
    throw invalidArgument(`parse JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function isInexactInteger(value: number, source: string | undefined): boolean {
  return source !== undefined && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
}

/** Counts brackets outside strings, before a recursive parser sees them. */
function refuseDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at];
    if (inString) {
      if (c === "\\") at += 1;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "{" || c === "[") {
      depth += 1;
      if (depth > maxDepth) throw new Error(`nested deeper than ${maxDepth}`);
    } else if (c === "}" || c === "]") depth -= 1;
  }
}

/** @throws INVALID_ARGUMENT when it is no object */
export function asObject(value: unknown, what: string): ForeignObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as ForeignObject;
  throw invalidArgument(`${what}: is ${kindOf(value)}, want an object`);
}

/** Undefined when there is no such key, or null in its place (Go's encoder writes null for an empty list). */
export function field(object: ForeignObject, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

export function stringField(object: ForeignObject, key: string, maxLength: number): string | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw invalidArgument(`${key}: is ${kindOf(value)}, want a string`);
  if (value.length > maxLength) throw invalidArgument(`${key}: ${value.length} characters, at most ${maxLength}`);
  return value;
}

export function listField(object: ForeignObject, key: string, maxItems: number): readonly unknown[] | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw invalidArgument(`${key}: is ${kindOf(value)}, want a list`);
  if (value.length > maxItems) throw invalidArgument(`${key}: ${value.length} items, at most ${maxItems}`);
  return value;
}

/** An integer of at least 0. */
export function integerField(object: ForeignObject, key: string): number | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidArgument(`${key}: is ${kindOf(value)}, want an integer of at least 0`);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
