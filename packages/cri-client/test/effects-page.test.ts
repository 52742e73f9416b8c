import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  effectRows,
  effectsPage,
  fieldsOfEffect,
  fieldsThatV1alpha2Lacks,
  harmlessFields,
  renderEffectsPage,
} from "./effects-page.ts";

const effects = effectRows.flatMap((rows) => rows.rows.map((row) => fieldsOfEffect(rows, row)));

describe("docs/reference/client-fields.md", () => {
  it("is what the table of security effects says", () => {
    expect(readFileSync(effectsPage, "utf8")).toBe(renderEffectsPage(effectRows));
  });

  it("has every field that v1alpha2 lacks, as a security effect or with the reason why it may be dropped", () => {
    const told = new Set([...effects.flat(), ...Object.keys(harmlessFields)]);
    expect(fieldsThatV1alpha2Lacks().filter((field) => !told.has(field))).toEqual([]);
  });

  it("excuses only fields that v1alpha2 lacks and that are no security effect", () => {
    const lacking = fieldsThatV1alpha2Lacks();
    for (const field of Object.keys(harmlessFields)) {
      expect(lacking).toContain(field);
      expect(effects.flat()).not.toContain(field);
    }
  });
});
