// Each case can fail: at a runtime that lies in one method one of its expectations has to notice. `npm test` takes every
// eighth case, `npm run test:long` and KEELSON_PEERS=all take all.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NamedCase, selectCases } from "../src/run/select-cases.ts";
import { openSession, type Session } from "../src/run/session.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { openSimulatedTarget } from "./simulated-target.ts";
import { type Calls, counting, lyingAnswers, lyingErrors, type Spoil, spoiling } from "./spoil.ts";

/** Where a lie keeps a case waiting, the case fails by its time. */
const timeoutMs = 1_000;

describe("cases at a runtime that lies", { timeout: 120_000 }, () => {
  let opened: OpenTarget;
  let session: Session;
  beforeAll(async () => {
    opened = await openSimulatedTarget();
    session = await openSession(opened.target);
  });
  afterAll(async () => {
    await session.close();
    await opened.close();
  });

  const only = process.env.KEELSON_CONFORMANCE_ONLY;
  const all = process.env.KEELSON_LONG !== undefined || process.env.KEELSON_PEERS === "all" || only !== undefined;
  // who subscribes in a runtime's first minute is told all since its start: thousands of events when the others have run
  const first = ({ area }: NamedCase): number => (area === "events" ? 0 : 1);
  const cases = selectCases(only)
    .toSorted((a, b) => first(a) - first(b))
    .filter(({ one }) => !(one.needs ?? []).includes("inside"))
    .filter((_, index) => all || index % 8 === 0);
  it.concurrent.for(cases.map((named) => [named.id, named.one] as const))("%s", async ([, one]) => {
    const counts = new Map<string, Calls>();
    const honest = await session.run(one, { intercept: counting(counts) });
    expect(honest.result, honest.reason).toBe("passed");
    const survived: string[] = [];
    for (const [name, from, how, spoil] of lies(counts)) {
      const { result, by, reason } = await session.run(one, { timeoutMs, intercept: spoiling(name, { from, spoil }) });
      if (result === "failed" && by !== "error") return;
      survived.push(`${name}, ${how}: ${result} ${reason}`);
    }
    expect.fail(`no expectation noticed any of:\n${survived.join("\n")}`);
  });
});

/** The likeliest first: an error that the case wanted, then what its body asked last, which is what it is about. */
function lies(counts: ReadonlyMap<string, Calls>): readonly (readonly [string, number, string, Spoil])[] {
  const methods = [...counts].toReversed();
  const about = methods.flatMap(([name, { failed }]) =>
    Object.entries(lyingErrors).flatMap(([how, spoil]) =>
      failed === undefined ? [] : [[name, failed, how, spoil] as const],
    ),
  );
  const answers = Object.entries(lyingAnswers).flatMap(([how, spoil]) =>
    methods.flatMap(([name, { count }]) =>
      [...new Set([count - 1, 0])].map((from) => [name, from, how, spoil] as const),
    ),
  );
  return [...about, ...answers];
}
