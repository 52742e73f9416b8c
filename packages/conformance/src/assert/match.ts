import { inspect, isDeepStrictEqual } from "node:util";

/** A value for a message, cut to a screenful. */
export function show(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: 100, maxStringLength: 500, sorted: true });
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}

/**
 * Where `value` differs from what is wanted, undefined when nowhere. Of an object only the wanted fields count; a list has
 * the wanted length; a RegExp wants a string that fits.
 */
export function difference(value: unknown, wanted: unknown, path = "it"): string | undefined {
  if (wanted instanceof RegExp) {
    return typeof value === "string" && wanted.test(value) ? undefined : `${path}: want ${wanted}, got ${show(value)}`;
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return `${path}: want a list, got ${show(value)}`;
    if (value.length !== wanted.length) {
      return `${path}: want a list of ${wanted.length}, got one of ${value.length}: ${show(value)}`;
    }
    return firstOf(wanted.map((one, at) => difference(value[at], one, `${path}[${at}]`)));
  }
  if (isPlain(wanted)) {
    if (typeof value !== "object" || value === null) return `${path}: want an object, got ${show(value)}`;
    const fields = value as Readonly<Record<string, unknown>>;
    return firstOf(Object.entries(wanted).map(([name, one]) => difference(fields[name], one, `${path}.${name}`)));
  }
  return isDeepStrictEqual(value, wanted) ? undefined : `${path}: want ${show(wanted)}, got ${show(value)}`;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function firstOf(found: readonly (string | undefined)[]): string | undefined {
  return found.find((one) => one !== undefined);
}
