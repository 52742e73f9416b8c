import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Fields, isMessage, mapItems, readField, writeField } from "./message-fields.ts";
import { marker } from "./redact-text.ts";
import { isSecretField } from "./secret-fields.ts";

/**
 * A copy of a message in which the value of each secret field is `[redacted]`, at any depth: texts and bytes, each item
 * of a list, each value of a map; a secret number or boolean is zero, a secret message is left out. What is not set
 * stays so. Fields that the schema does not know can't be judged and are left out as well. The message itself is not
 * changed.
 */
export function redactMessage<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
): MessageShape<Schema> {
  return copy(schema, message as unknown as Fields) as unknown as MessageShape<Schema>;
}

function copy(schema: DescMessage, message: Fields): Fields {
  const clone = Object.assign(Object.create(Object.getPrototypeOf(message)) as Fields, message);
  delete clone.$unknown;
  for (const field of schema.fields) {
    const value = readField(message, field);
    if (value === undefined) continue;
    const changed = mapItems(field, value, (item) => {
      if (isSecretField(field)) return hidden(item);
      return field.message !== undefined && isMessage(item) ? copy(field.message, item) : item;
    });
    writeField(clone, field, changed);
  }
  return clone;
}

/** An empty text tells no more than that nothing was given. */
function hidden(value: unknown): unknown {
  if (typeof value === "string") return value === "" ? value : marker;
  if (value instanceof Uint8Array) return value.length === 0 ? value : new TextEncoder().encode(marker);
  if (typeof value === "number") return 0;
  if (typeof value === "bigint") return 0n;
  return typeof value === "boolean" ? false : undefined;
}
