import { expect, it } from "vitest";
import { table } from "./table.ts";

it("table() lines up its columns and keeps foreign text in its cell", () => {
  expect(
    table(
      ["NAME", "ID"],
      [
        ["long name", "1"],
        ["\u001b[2Ja\nb", "22"],
        ["", ""],
      ],
    ),
  ).toBe("NAME          ID\nlong name     1\n\\x1b[2Ja\\nb   22\n");
});
