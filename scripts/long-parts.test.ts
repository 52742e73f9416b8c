import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { longParts } from "./long-parts.ts";

const root = join(import.meta.dirname, "..");
const files = longParts.flatMap((part) => part.files);

describe("the parts of npm run test:long", () => {
  it("are files that there are, each in one part", () => {
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(new Set(files).size).toBe(files.length);
  });

  it("have every test that KEELSON_LONG switches on, and no others", () => {
    const tests = globSync("{packages,apps,examples,bench}/**/*.test.ts", { cwd: root, exclude: ["**/node_modules"] });
    const named = tests.filter((file) => readFileSync(join(root, file), "utf8").includes("KEELSON_LONG"));
    expect(named.toSorted()).toEqual(files.toSorted());
  });

  it("are told in CONTRIBUTING.md", () => {
    const page = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
    expect(page.match(/(?<=### Long tests[^#]*)^\| `.*` \| .* \|$/gm)).toEqual(
      longParts.map(({ name, about }) => `| \`${name}\` | ${about} |`),
    );
  });
});
