import type { Report } from "../run/run-cases.ts";

/** Version 14 of the Test Anything Protocol. Known failures are marked as TODO. */
export function writeTap(report: Report): string {
  const lines = ["TAP version 14", `1..${report.cases.length}`];
  for (const [index, { id, verdict, outcome, known }] of report.cases.entries()) {
    const bad = verdict === "failed" || verdict === "known";
    const note =
      verdict === "skipped" ? ` # SKIP ${line(outcome.reason)}` : known === undefined ? "" : ` # TODO ${line(known)}`;
    lines.push(`${bad ? "not ok" : "ok"} ${index + 1} - ${line(id)}${note}`);
    if (!bad) continue;
    lines.push("  ---", `  message: ${JSON.stringify(outcome.reason)}`, "  transcript:");
    for (const one of outcome.transcript) lines.push(`    - ${JSON.stringify(one)}`);
    lines.push("  ...");
  }
  return `${lines.join("\n")}\n`;
}

/** `#` begins a directive, and a line feed a line. */
function line(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("\\", "\\\\").replaceAll("#", "\\#");
}
