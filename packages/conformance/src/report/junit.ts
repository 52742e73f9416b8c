import type { CaseReport, Report } from "../run/run-cases.ts";

/** JUnit's XML, as continuous integration reads it: a suite for each area. Known failures are skipped ones there. */
export function writeJunit(report: Report): string {
  const areas = Map.groupBy(report.cases, ({ id }) => id.slice(0, id.indexOf("/")));
  const suites = [...areas].map(([area, cases]) => {
    const failures = cases.filter(isFailure).length;
    const skipped = cases.filter(({ verdict }) => verdict === "skipped" || verdict === "known").length;
    return [
      `  <testsuite name=${quote(area)} tests="${cases.length}" failures="${failures}" skipped="${skipped}">`,
      ...cases.map(writeCase),
      "  </testsuite>",
    ].join("\n");
  });
  const name = `${report.runtime.name} ${report.runtime.version}`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name=${quote(name)}>\n${suites.join("\n")}\n</testsuites>\n`;
}

function isFailure({ verdict }: CaseReport): boolean {
  return verdict === "failed" || verdict === "unexpected-pass";
}

function writeCase(report: CaseReport): string {
  const { id, verdict, outcome, known } = report;
  const at = id.indexOf("/");
  const head = `    <testcase classname=${quote(id.slice(0, at))} name=${quote(id.slice(at + 1))} time="${(outcome.durationMs / 1000).toFixed(3)}"`;
  if (verdict === "skipped") return `${head}><skipped message=${quote(outcome.reason)}/></testcase>`;
  if (verdict === "known") return `${head}><skipped message=${quote(known ?? "")}/></testcase>`;
  if (!isFailure(report)) return `${head}/>`;
  const message = verdict === "failed" ? outcome.reason : `it passed, and is on the list: ${known ?? ""}`;
  return `${head}><failure message=${quote(message)}>${escapeXml(outcome.transcript.join("\n"))}</failure></testcase>`;
}

function quote(text: string): string {
  return `"${escapeXml(text).replaceAll("\n", "&#10;")}"`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, "\ufffd"); // what XML 1.0 has no place for
}
