import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";

/** What becomes of some fields of one message, in words, by their names in TypeScript. */
export interface FieldNotes {
  readonly message: DescMessage;
  readonly notes: Readonly<Record<string, string>>;
}

/** Ties notes to the message that the generated descriptor describes; a field that there is not does not compile. */
export function fieldNotes<M extends Message>(
  message: GenMessage<M>,
  notes: { readonly [Field in Exclude<keyof M, "$typeName" | "$unknown">]?: string },
): FieldNotes {
  return { message, notes: notes as FieldNotes["notes"] };
}
