// What may not be in the table of fields.
import { type FieldCell, reachableMessages } from "./cri-fields.ts";
import { informational, whyIgnorable } from "./cri-fields-ignorable.ts";

/** A sentence for each. */
export function fieldMistakes(table: readonly FieldCell[]): readonly string[] {
  const ignorable = new Map<string, string | undefined>(
    [...reachableMessages().keys()].flatMap((message) =>
      message.fields.map((field) => [`${message.name}.${field.name}`, whyIgnorable(message, field)] as const),
    ),
  );
  const mistakes = table.flatMap((cell) => {
    const why = mistakeOf(cell, ignorable.get(cell.field));
    return why === undefined ? [] : [`${cell.field}, ${cell.engine}: ${why}`];
  });
  const ignored = new Set(table.flatMap(({ field, verdict }) => (verdict === "ignored" ? [field] : [])));
  const needless = Object.keys(informational).filter((field) => !ignored.has(field));
  return [...mistakes, ...needless.map((field) => `${field}: said to inform, and no engine ignores it`)];
}

function mistakeOf(
  { engine, verdict, code, text, cases }: FieldCell,
  ignorable: string | undefined,
): string | undefined {
  switch (verdict) {
    case undefined:
      return "unaccounted: no case covers it, and nothing is declared";
    case "honoured":
      return cases.length === 0 ? "honoured, and no case covers it" : undefined;
    case "recorded":
      return engine === "simulated" ? needsText(text) : "only the simulated engine records";
    case "refused":
      return code === undefined ? "refused without a code" : needsText(text);
    case "ignored":
      return ignorable === undefined ? "ignored, and neither Windows', deprecated nor informational" : needsText(text);
  }
}

function needsText(text: string): string | undefined {
  return text === "" ? "without a reason" : undefined;
}
