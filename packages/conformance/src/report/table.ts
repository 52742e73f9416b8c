import type { CaseReport, Report } from "../run/run-cases.ts";

const words = {
  passed: "ok",
  failed: "FAILED",
  known: "known",
  "unexpected-pass": "UNEXPECTED",
  skipped: "skipped",
} as const;

/** A line for each case, with the transcript of those that failed; the last line has the counts. */
export function writeTable(report: Report): string {
  const { counts, runtime, list } = report;
  const lines = report.cases.map(writeRow);
  const failed = report.cases.filter(({ verdict }) => verdict === "failed");
  for (const { id, cites, outcome } of failed) {
    lines.push("", `${id}`, `  ${cites}`, `  ${outcome.reason}`, ...outcome.transcript.map((one) => `    ${one}`));
  }
  if (list === undefined && counts.failed > 0 && report.exitCode === 0) {
    lines.push("", `${runtime.name} ${runtime.version} has no list of known failures: none is counted against it`);
  }
  const untrue = counts["unexpected-pass"];
  const tail = `${counts.known} known to fail, ${untrue === 0 ? "" : `${untrue} passed that should not, `}${counts.skipped} skipped`;
  const seconds = (report.durationMs / 1000).toFixed(1);
  lines.push(
    "",
    `${runtime.name} ${runtime.version}: ${counts.passed} passed, ${counts.failed} failed, ${tail} in ${seconds} s`,
  );
  return `${lines.join("\n")}\n`;
}

function writeRow({ id, verdict, outcome, known }: CaseReport): string {
  const note = verdict === "failed" || verdict === "skipped" ? outcome.reason : (known ?? "");
  return `${words[verdict].padEnd(10)} ${id}${note === "" ? "" : `: ${note}`}`;
}
