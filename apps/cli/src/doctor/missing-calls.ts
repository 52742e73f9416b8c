import { type KnownCall, knownCalls } from "./calls.ts";
import type { EndpointFacts } from "./facts.ts";

/** Calls that are answered with status 12, in the order of their generations. */
export function missingCalls(facts: EndpointFacts): readonly KnownCall[] {
  return knownCalls.filter(({ method }) => facts.methods[method] === "unimplemented");
}

/** Calls that got no answer in time, of which nothing is known. */
export function unansweredCalls(facts: EndpointFacts): readonly string[] {
  return Object.keys(facts.methods).filter((method) => facts.methods[method] === "unanswered");
}
