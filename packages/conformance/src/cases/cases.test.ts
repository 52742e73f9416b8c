import { file_runtime_v1_api } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { selectCases } from "../run/select-cases.ts";

const fields = new Set(
  file_runtime_v1_api.messages.flatMap((message) => message.fields.map((field) => `${message.name}.${field.name}`)),
);
const cases = selectCases();

describe("cases", () => {
  it("have IDs that differ", () => {
    const ids = cases.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  it.each(cases.map(({ id, one }) => [id, one] as const))(
    "%s: has a source, and covers fields that there are",
    (_, one) => {
      expect(one.cites).not.toBe("");
      expect(one.name).not.toMatch(/[\n#]|\.$/);
      expect(one.covers.filter((field) => !fields.has(field))).toEqual([]);
    },
  );
});
