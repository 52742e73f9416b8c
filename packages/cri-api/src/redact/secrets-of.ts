import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Fields, isMessage, mapItems, readField } from "./message-fields.ts";
import { hasSecrets, isSecretField } from "./secret-fields.ts";

/**
 * The values of a message's secret fields, at any depth, for createRedactor(): what must not come back in an error of a
 * call that carried the message. Of `AuthConfig` also what is made of them: the password within `auth`, and the base64 of
 * user and password. Without empty ones and doubles; none at almost no cost for a type without secret fields.
 */
export function secretsOf<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): string[] {
  const found = new Set<string>();
  if (hasSecrets(schema)) collect(schema, message as unknown as Fields, found);
  found.delete("");
  return [...found];
}

function collect(schema: DescMessage, message: Fields, found: Set<string>): void {
  for (const field of schema.fields) {
    mapItems(field, readField(message, field), (item) => {
      if (isSecretField(field)) addTexts(item, found);
      else if (field.message !== undefined && isMessage(item)) collect(field.message, item, found);
      return undefined;
    });
  }
  if (schema.name === "AuthConfig") for (const text of madeOf(message)) found.add(text);
}

/** The texts of a secret: of a secret message each text in it. A number would be found everywhere. */
function addTexts(value: unknown, found: Set<string>): void {
  if (typeof value === "string") found.add(value);
  else if (value instanceof Uint8Array) found.add(new TextDecoder().decode(value));
  else if (isMessage(value) || Array.isArray(value)) {
    for (const [key, item] of Object.entries(value)) if (!key.startsWith("$")) addTexts(item, found);
  }
}

function madeOf({ username, password, auth }: Fields): readonly string[] {
  const pairs: string[] = [];
  if (typeof auth === "string") pairs.push(auth);
  if (typeof password === "string" && password !== "") pairs.push(toBase64(`${String(username)}:${password}`));
  const decoded = fromBase64(pairs[0] ?? "");
  // Docker pads such values with NULs
  const words = decoded.includes(":") ? [withoutEnd(decoded.slice(decoded.indexOf(":") + 1), "\0")] : [];
  // base64 may be shown without its padding
  return [...words, ...pairs, ...pairs.map((pair) => withoutEnd(pair, "="))];
}

function toBase64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}

/** Empty when it is no base64. */
function fromBase64(text: string): string {
  const digits = withoutEnd(text, "=");
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) return "";
  return new TextDecoder().decode(Uint8Array.from(atob(digits), (c) => c.charCodeAt(0)));
}

/** Without the characters at its end; a pattern such as `=+$` would take quadratic time (THREATS T12.02). */
function withoutEnd(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === character) end--;
  return text.slice(0, end);
}
