import { type DescField, type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import type { Draft } from "./draft.ts";
import type { Path } from "./places.ts";
import { isInVersion } from "./wire-fields.ts";

/** What one message type loses on its way to v1alpha2, and where it has messages in it. */
interface Cut {
  readonly lacking: readonly DescField[];
  readonly nested: readonly { readonly field: DescField; readonly cut: Cut }[];
}

const cuts = new Map<DescMessage, Cut>();

/**
 * Clears what v1alpha2 does not know, also what this client does not.
 * @returns the paths to what was set and is no longer, fields without a name as `#NUMBER`
 */
export function cutToV1alpha2(draft: Draft, schema: DescMessage): Path[] {
  const dropped: Path[] = [];
  walk(draft, draft.message, [], cutOf(schema), dropped);
  return dropped;
}

function walk(draft: Draft, message: Message, path: Path, cut: Cut, dropped: Path[]): void {
  for (const field of cut.lacking) {
    if (!isFieldSet(message, field)) continue;
    dropped.push([...path, field.localName]);
    draft.clear(path, field);
  }
  if (message.$unknown !== undefined) {
    for (const { no } of message.$unknown) dropped.push([...path, `#${no}`]);
    draft.set(path, "$unknown", undefined);
  }
  for (const { field, cut: inner } of cut.nested) {
    const value = (message as unknown as Record<string, unknown>)[field.localName];
    if (value === undefined) continue;
    const at = [...path, field.localName];
    if (field.fieldKind === "message") walk(draft, value as Message, at, inner, dropped);
    else for (const [index, item] of (value as Message[]).entries()) walk(draft, item, [...at, index], inner, dropped);
  }
}

function cutOf(schema: DescMessage): Cut {
  const known = cuts.get(schema);
  if (known !== undefined) return known;
  const lacking: DescField[] = [];
  const nested: { field: DescField; cut: Cut }[] = [];
  const cut: Cut = { lacking, nested };
  cuts.set(schema, cut);
  for (const field of schema.fields) {
    if (!isInVersion("v1alpha2", field)) lacking.push(field);
    // no request has a map of messages
    else if (field.message !== undefined && field.fieldKind !== "map")
      nested.push({ field, cut: cutOf(field.message) });
  }
  return cut;
}
