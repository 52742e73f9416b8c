import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

it("./reference needs nothing that only Node has", () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder).filter((name) => !name.endsWith(".test.ts"));
  expect(sources).toContain("index.ts");
  for (const name of sources) {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text, name).not.toMatch(/from "node:|\bBuffer\b|\bprocess\./);
    for (const [, target] of text.matchAll(/from "([^"]+)"/g))
      expect(target, name).toMatch(/^(\.\/[a-z-]+\.ts|@keelson\/cri-api\/errors)$/);
  }
});
