import type { Capability, Case } from "../case.ts";

/** What a case needs and a target does not have; the case runs when nothing is missing. */
export function missingCapabilities({ needs = [] }: Case, has: readonly Capability[]): readonly Capability[] {
  return needs.filter((need) => !has.includes(need));
}
