// The published vulnerabilities of the field, each with what becomes of it here: a test that names it, a reason why it
// can't apply, or `waiting`. Run as a program it writes docs/security/threats.md; threats.test.ts holds it to the truth.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";

export interface ThreatRow {
  /** T2.04 */
  readonly row: string;
  readonly section: string;
  readonly name: string;
  readonly rule: string;
  /** "tested": some test's title names the row. "waiting": what it concerns is not built yet, or has no test yet. */
  readonly status: "tested" | "waiting" | "not applicable";
  /** Why a row can't apply, or what a waiting one waits for. */
  readonly reason?: string;
}

export const root: string = join(import.meta.dirname, "..");
export const threatsFile: string = join(root, "docs/security/threats.json");
export const threatsPage: string = join(root, "docs/security/threats.md");

export function readThreats(): readonly ThreatRow[] {
  return JSON.parse(readFileSync(threatsFile, "utf8")) as ThreatRow[];
}

/** Test files by the rows that their titles name. */
export function testsByRow(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const top of ["packages", "apps", "scripts"]) {
    for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
      const file = relative(root, join(entry.parentPath, entry.name));
      // tests that a test file calls stand in files of their own
      if (!entry.isFile() || !/(\.test|-cases)\.ts$/.test(entry.name) || /node_modules|dist/.test(file)) continue;
      const text = readFileSync(join(root, file), "utf8");
      for (const title of text.matchAll(/\b(?:it|test|describe)(?:\.\w+(?:\([^)]*\))?)*\(\s*[`"']([^\n]*)/g)) {
        for (const row of (title[1] ?? "").matchAll(/\bT\d{1,2}\.\d{2}\b/g)) {
          const files = found.get(row[0]) ?? [];
          if (!files.includes(file)) files.push(file);
          found.set(row[0], files);
        }
      }
    }
  }
  return found;
}

export function renderThreats(rows: readonly ThreatRow[], tests: ReadonlyMap<string, readonly string[]>): string {
  const count = (status: ThreatRow["status"]): number => rows.filter((row) => row.status === status).length;
  const lines = [
    "# Threats: the published vulnerabilities of this field, as rules with tests",
    "",
    "Generated from `threats.json` by `scripts/threats.ts`; do not edit.",
    "",
    `${rows.length} rows: ${count("tested")} tested, ${count("not applicable")} not applicable, ${count("waiting")} waiting.`,
  ];
  for (const section of new Set(rows.map((row) => row.section))) {
    lines.push("", `## ${section}`, "", "| Row | What went wrong elsewhere | Rule here | State |", "|-|-|-|-|");
    for (const row of rows.filter((one) => one.section === section)) {
      const state =
        row.status === "tested"
          ? (tests.get(row.row) ?? []).map((file) => `\`${file}\``).join("<br>")
          : `${row.status}${row.reason === undefined ? "" : `: ${row.reason}`}`;
      lines.push(`| ${row.row} | ${row.name} | ${row.rule} | ${state} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(threatsPage, renderThreats(readThreats(), testsByRow()));
}
