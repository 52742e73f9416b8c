import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readBlock } from "./generated-block.ts";
import { budgetTable } from "./publish/budgets.ts";
import { installedRuntimes } from "./runtimes/runtimes.ts";

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const block = async (page: string, name: string): Promise<string> =>
  readBlock(await readFile(path(page), "utf8"), name);

test("docs/publishing.md shows the budgets as they are checked", async () => {
  expect(await block("docs/publishing.md", "budgets")).toBe(budgetTable());
});

test("the READMEs' support tables say what docs/reference/runtimes.md says, of the runtimes that are tested", async () => {
  const rows = (await block("docs/reference/runtimes.md", "runtimes"))
    .split("\n")
    .map((row) => row.slice(2, -2).split(" | "));
  const names = rows[0]?.slice(1) ?? [];
  const passed = rows.find(([first]) => first === "**all**")?.slice(1) ?? [];
  const runtimes = await installedRuntimes(path("runtime-tests"));
  expect(names).toEqual(runtimes.map(({ name, version }) => `${name.split(" ")[0]} ${version}`));
  // all of them, or the page would not have been written
  for (const cell of passed) expect(cell).toMatch(/^([1-9]\d*) of \1$/);
  for (const name of ["cri-api", "cri-client"]) {
    const table = (await block(`packages/${name}/README.md`, "runtimes")).split("\n").slice(2);
    expect(table.map((row) => row.slice(2).split(" | ").slice(0, 2))).toEqual(
      names.map((one, index) => [one, passed[index]]),
    );
  }
});
