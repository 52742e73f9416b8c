import type { PeerList } from "../peer-list.ts";
import type { Outcome } from "./session.ts";

/** What an outcome means, given what was expected of the runtime. */
export type Verdict = "passed" | "failed" | "known" | "unexpected-pass" | "skipped";

/** Runtimes of this project: nothing is known to fail there, and a list that is not true is a failure. */
export function isOwn(runtimeName: string): boolean {
  return runtimeName === "keelson" || runtimeName === "keelson-fake";
}

export function verdictOf(id: string, { result, reason }: Outcome, list: PeerList | undefined): Verdict {
  const known = list !== undefined && Object.hasOwn(list.known, id) ? list.known[id] : undefined;
  const isKnown = [...(known === undefined ? [] : [known]), ...(list?.anywhere ?? [])].some(({ says }) =>
    new RegExp(says).test(reason),
  );
  if (result === "failed") return isKnown ? "known" : "failed";
  if (known === undefined || result === "skipped") return result;
  return known.when === undefined ? "unexpected-pass" : "passed";
}
