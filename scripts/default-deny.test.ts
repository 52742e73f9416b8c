import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listFieldRules } from "../packages/linux-engine/src/spec/index.ts";
import { defaultDenyPage, renderDefaultDeny } from "./default-deny.ts";

const rows = listFieldRules();

describe("docs/reference/default-deny.md", () => {
  it("is what the rules say", () => {
    expect(readFileSync(defaultDenyPage, "utf8")).toBe(renderDefaultDeny(rows));
  });

  it("has a line for every field", () => {
    const lines = renderDefaultDeny(rows).split("\n");
    expect(lines.filter((line) => line.startsWith("| `"))).toHaveLength(rows.length);
  });

  it("names only files that there are", () => {
    const spec = join(import.meta.dirname, "../packages/linux-engine/src/spec");
    const named = rows.flatMap(({ text }) => text.match(/[a-z/-]+(?:\.ts|\/(?=;|$))/g) ?? []);
    expect(named).toContain("seccomp/");
    expect(named.filter((file) => !existsSync(join(spec, file)))).toEqual([]);
  });

  it("changes with a rule", () => {
    const [first, ...rest] = rows;
    const changed = first === undefined ? rest : [{ ...first, text: "another reason" }, ...rest];
    expect(renderDefaultDeny(changed)).not.toBe(renderDefaultDeny(rows));
  });
});
