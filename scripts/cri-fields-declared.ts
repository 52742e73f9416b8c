// What the engines say of fields, beside the code that does it: the rules of the Linux engine, what the simulated engine
// records, what the core looks at for no engine.
import { imageRules } from "../packages/linux-engine/src/image/image-rules.ts";
import { type FieldRuleRow, listFieldRules } from "../packages/linux-engine/src/spec/guard.ts";
import type { FieldNotes } from "../packages/runtime-core/src/field-notes.ts";
import { ignoredFields as ignoredByCore } from "../packages/runtime-core/src/rpc/ignored-fields.ts";
import { ignoredFields as ignoredBySimulated } from "../packages/runtime-core/src/sim/ignored-fields.ts";
import { recordedFields } from "../packages/runtime-core/src/sim/recorded-fields.ts";

export type EngineName = "simulated" | "linux";

export interface Declaration {
  readonly verdict: "recorded" | "refused" | "ignored";
  readonly text: string;
  /** Of `refused`: what the call that carries the field is answered. */
  readonly code?: string;
  /** Of `refused`: the one call that the field means something to, which the engine does not serve. */
  readonly call?: string;
}

/** By field, as `Mount.host_path`. What is honoured is not declared: a case says so. */
export function declarationsOf(engine: EngineName): ReadonlyMap<string, Declaration> {
  return declared[engine];
}

const declared: Readonly<Record<EngineName, ReadonlyMap<string, Declaration>>> = {
  simulated: new Map([
    ...ofNotes("ignored", ignoredByCore),
    ...ofNotes("ignored", ignoredBySimulated),
    ...ofNotes("recorded", recordedFields),
  ]),
  linux: new Map([
    ...ofNotes("ignored", ignoredByCore),
    ...ofRules(listFieldRules()),
    ...ofRules(listFieldRules(imageRules)),
  ]),
};

function ofNotes(verdict: "recorded" | "ignored", all: readonly FieldNotes[]): [string, Declaration][] {
  return all.flatMap(({ message, notes }) =>
    Object.entries(notes).map(([localName, text]): [string, Declaration] => {
      const field = message.fields.find((one) => one.localName === localName);
      if (field === undefined) throw new Error(`${message.name} has no field ${localName}`);
      return [`${message.name}.${field.name}`, { verdict, text }];
    }),
  );
}

function ofRules(rows: readonly FieldRuleRow[]): [string, Declaration][] {
  return rows.flatMap(({ field, verdict, text, call }): [string, Declaration][] => {
    const name = field.replace(/^runtime\.v1\./, "");
    if (verdict === "honoured") return [];
    if (verdict === "ignored") return [[name, { verdict, text }]];
    return [[name, call === undefined ? { verdict, text, code: "FAILED_PRECONDITION" } : { verdict, text, call }]];
  });
}
