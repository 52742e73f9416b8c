// Messages without one of their fields.
import { clone, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Field } from "../src/case.ts";

/** A copy of the message in which the field is not set, wherever its message stands in it. */
export function dropField<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  field: Field,
): MessageShape<Desc> {
  const [owner = "", name = ""] = field.split(".");
  if (!messagesIn(schema).has(owner)) return message;
  const copy = clone(schema, message);
  clearBelow(reflect<DescMessage>(schema, copy), owner, name);
  return copy;
}

function clearBelow(message: ReflectMessage, owner: string, name: string): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (message.desc.name === owner && field.name === name) message.clear(field);
    else if (field.fieldKind === "message") clearBelow(message.get(field), owner, name);
    else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const item of message.get(field)) clearBelow(item as ReflectMessage, owner, name);
    } else if (field.fieldKind === "map" && field.mapKind === "message") {
      for (const item of message.get(field).values()) clearBelow(item as ReflectMessage, owner, name);
    }
  }
}

const known = new WeakMap<DescMessage, ReadonlySet<string>>();

/** The names of a message and of all that can stand in it. */
export function messagesIn(schema: DescMessage): ReadonlySet<string> {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const names = new Set<string>();
  const add = (message: DescMessage): void => {
    if (names.has(message.name)) return;
    names.add(message.name);
    // a list's and a map's message stands at the same place
    for (const { message: below } of message.fields) if (below !== undefined) add(below);
  };
  add(schema);
  known.set(schema, names);
  return names;
}
