import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { selectCases } from "../packages/conformance/src/run/select-cases.ts";
import { type Column, conformancePage, readColumns, renderConformance } from "./conformance-table.ts";

const cases = selectCases();
const columns = await readColumns();
const page = renderConformance(cases, columns);

describe("docs/reference/conformance.md", () => {
  it("is what cases and lists say; scripts/conformance-table.ts writes it anew", () => {
    expect(readFileSync(conformancePage, "utf8")).toBe(page);
  });

  it("has a line for every case, and ours fail none", () => {
    const [first, ...rest] = page.split("\n## critest")[0]?.split("\n## ") ?? [];
    const lines = rest
      .join("\n")
      .split("\n")
      .filter((line) => /^\| .* \|$/.test(line) && !/^\| (?:-|\d+ cases) \|/.test(line));
    expect(lines).toHaveLength(cases.length);
    expect(first).toContain("| fails | 0 | 0 |");
  });

  it.each(columns.map((column, index) => [column.title, column, index] as const))(
    "%s: each line agrees with the list, with a reason where it fails",
    (_, { list }, index) => {
      for (const { area, one } of cases) {
        const known = list?.known[`${area}/${one.name}`];
        const section = page.split(`\n## ${area}\n`)[1]?.split("\n## ")[0]?.replaceAll("\\", "") ?? "";
        const cell = section
          .split("\n")
          .find((line) => line.startsWith(`| ${one.name} |`))
          ?.split(" | ")
          .at(index + 1);
        if (known === undefined) expect(cell).toMatch(/^(?:passes|needs [a-z, -]+)(?: \|)?$/);
        else {
          expect(cell).toContain(known.when === undefined ? "**fails**" : "**may fail**");
          expect(section).toContain(known.reason);
        }
      }
    },
  );

  it("changes when a runtime gets or loses something", () => {
    const [first, ...rest] = columns as [Column, ...Column[]];
    expect(renderConformance(cases, [{ ...first, has: [] }, ...rest])).not.toBe(page);
    expect(renderConformance(cases.slice(1), columns)).not.toBe(page);
  });
});
