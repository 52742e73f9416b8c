import { type PeerList, readPeerList } from "../peer-list.ts";
import type { Target } from "../target.ts";
import type { NamedCase } from "./select-cases.ts";
import { type Outcome, openSession } from "./session.ts";
import { isOwn, type Verdict, verdictOf } from "./verdict.ts";

export interface CaseReport {
  /** `AREA/NAME` */
  readonly id: string;
  readonly cites: string;
  readonly verdict: Verdict;
  readonly outcome: Outcome;
  /** What the runtime's list says of it. */
  readonly known: string | undefined;
}

export interface Report {
  readonly runtime: { readonly name: string; readonly version: string };
  /** Undefined: the runtime's version has no list, and failures are told without being counted against it. */
  readonly list: PeerList | undefined;
  readonly cases: readonly CaseReport[];
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly durationMs: number;
  /** 0; 1 when a case failed that was not known to; for runtimes of this project also when one passed that was. */
  readonly exitCode: 0 | 1;
}

export interface RunCasesOptions {
  readonly target: Target;
  readonly cases: readonly NamedCase[];
  /** How many run side by side. Default 4. */
  readonly concurrency?: number;
  /** Hears of each case when it has ended. */
  readonly onReport?: (report: CaseReport) => void;
}

/** Runs cases against a target. @throws when the runtime can't be reached or has no busybox */
export async function runCases(options: RunCasesOptions): Promise<Report> {
  const { target, cases, concurrency = 4, onReport } = options;
  const began = performance.now();
  const session = await openSession(target);
  try {
    const list = await readPeerList(session.runtime);
    const reports = new Map<string, CaseReport>();
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { id, one } = next;
        const outcome = await session.run(one);
        const known = list?.known[id]?.reason;
        const report = { id, cites: one.cites, verdict: verdictOf(id, outcome, list), outcome, known };
        reports.set(id, report);
        onReport?.(report);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    const all = cases.flatMap(({ id }) => reports.get(id) ?? []);
    const count = (verdict: Verdict): number => all.filter((report) => report.verdict === verdict).length;
    const counts = {
      passed: count("passed"),
      failed: count("failed"),
      known: count("known"),
      "unexpected-pass": count("unexpected-pass"),
      skipped: count("skipped"),
    };
    const own = isOwn(session.runtime.name);
    const counted = list !== undefined || own ? counts.failed : 0;
    const untrue = own ? counts["unexpected-pass"] : 0;
    const durationMs = performance.now() - began;
    return { runtime: session.runtime, list, cases: all, counts, durationMs, exitCode: counted + untrue > 0 ? 1 : 0 };
  } finally {
    await session.close();
  }
}
