import { minorOf } from "../probe/generation.ts";
import type { ServerFacts } from "../probe/server-facts.ts";

/**
 * The newest minor release of Kubernetes that a runtime shows to know, by its calls or by what its Status tells: handlers
 * came with 1.30, features with 1.31 and grew with 1.36 and 1.37. 0 where it shows none.
 */
export function shownMinor(facts: ServerFacts): number {
  return Math.max(minorOf(facts.generation), toldMinor(facts));
}

function toldMinor({ features, handlers }: ServerFacts): number {
  if (features?.mountOptions) return 37;
  if (features?.userNamespacesHostNetwork) return 36;
  if (features !== undefined) return 31;
  return handlers.length > 0 ? 30 : 0;
}
