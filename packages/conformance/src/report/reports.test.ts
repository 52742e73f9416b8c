import { describe, expect, it } from "vitest";
import type { CaseReport, Report } from "../run/run-cases.ts";
import type { Outcome } from "../run/session.ts";
import type { Verdict } from "../run/verdict.ts";
import { writeJunit } from "./junit.ts";
import { writeTable } from "./table.ts";
import { writeTap } from "./tap.ts";

const report = (verdict: Verdict, reason: string, known?: string): CaseReport => {
  const result: Outcome["result"] = verdict === "unexpected-pass" ? "passed" : verdict === "known" ? "failed" : verdict;
  const transcript = result === "failed" ? ["→ Version {}", "← Version <&\u0001>"] : [];
  return {
    id: `exec/is ${verdict}`,
    cites: "a source",
    verdict,
    known,
    outcome: { result, reason, transcript, durationMs: 12 },
  };
};

const all: Report = {
  runtime: { name: "containerd", version: "1.6.20" },
  list: undefined,
  cases: [
    report("passed", ""),
    report("failed", 'want "a", got # b'),
    report("known", "as listed", "it is old"),
    report("unexpected-pass", "", "it is old"),
    report("skipped", "needs restart"),
  ],
  counts: { passed: 1, failed: 1, known: 1, "unexpected-pass": 1, skipped: 1 },
  durationMs: 1234,
  exitCode: 0,
};

describe("reports", () => {
  it("are TAP, with known failures as TODO", () => {
    expect(writeTap(all)).toBe(`TAP version 14
1..5
ok 1 - exec/is passed
not ok 2 - exec/is failed
  ---
  message: "want \\"a\\", got # b"
  transcript:
    - "→ Version {}"
    - "← Version <&\\u0001>"
  ...
not ok 3 - exec/is known # TODO it is old
  ---
  message: "as listed"
  transcript:
    - "→ Version {}"
    - "← Version <&\\u0001>"
  ...
ok 4 - exec/is unexpected-pass # TODO it is old
ok 5 - exec/is skipped # SKIP needs restart
`);
  });

  it("are JUnit's XML", () => {
    const text = writeJunit(all);
    expect(text).toContain('<testsuite name="exec" tests="5" failures="2" skipped="2">');
    expect(text).toContain(
      '<failure message="want &quot;a&quot;, got # b">→ Version {}\n← Version &lt;&amp;\ufffd&gt;</failure>',
    );
    expect(text).toContain('<skipped message="needs restart"/>');
  });

  it("are a table, which ends with the counts and says when there is no list", () => {
    const text = writeTable(all);
    expect(text).toContain("ok         exec/is passed\n");
    expect(text).toContain('FAILED     exec/is failed: want "a", got # b\n');
    expect(text).toContain("containerd 1.6.20 has no list of known failures: none is counted against it");
    expect(text).toMatch(
      /containerd 1\.6\.20: 1 passed, 1 failed, 1 known to fail, 1 passed that should not, 1 skipped in 1\.2 s\n$/,
    );
  });
});
