import { expect, test } from "vitest";
import { readBlock, replaceBlock } from "./generated-block.ts";

const page = "# A page\n\n<!-- table: written by a script -->\n\n| old |\n\n<!-- /table -->\n\nThe rest.\n";

test("a block is read and replaced, and the rest of the page stays", () => {
  expect(readBlock(page, "table")).toBe("| old |");
  const replaced = replaceBlock(page, "table", "| new |");
  expect(replaced).toBe(page.replace("old", "new"));
  expect(replaceBlock(replaced, "table", "| new |")).toBe(replaced);
});

test.each(["other", "tabl"])("a page without the block %s is refused", (name) => {
  expect(() => readBlock(page, name)).toThrow("has no block");
});
