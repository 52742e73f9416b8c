import type { Draft } from "./draft.ts";
import type { Asked } from "./find-asked.ts";
import { fieldsOf } from "./name-field.ts";
import type { Path } from "./places.ts";

/** Takes what was asked out of a request: the fields, or the item of the list that would be something else without. */
export function clearEffects(draft: Draft, asked: readonly Asked[]): void {
  for (const { effect, path, schema } of asked) {
    for (const names of effect.fields) {
      const fields = fieldsOf(schema, names);
      const last = fields.pop();
      if (last !== undefined) draft.clear([...path, ...fields.map(({ localName }) => localName)], last);
    }
  }
  // at the end: the paths are those of the whole list
  const leftOut = new Map<string, { readonly list: Path; readonly indexes: Set<number> }>();
  for (const { effect, path } of asked) {
    const index = path.at(-1);
    if (!effect.withPlace || typeof index !== "number") continue;
    const list = path.slice(0, -1);
    const known = leftOut.get(list.join("/")) ?? { list, indexes: new Set() };
    leftOut.set(list.join("/"), known);
    known.indexes.add(index);
  }
  for (const { list, indexes } of leftOut.values()) draft.removeItems(list, indexes);
}
