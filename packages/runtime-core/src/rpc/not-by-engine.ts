import { type CriError, unimplemented } from "@keelson/cri-api/errors";
import type { Call } from "./call.ts";

/**
 * What a call is told whose verb the engine lacks. It is told before the object is looked for: clients find out what a
 * runtime serves with IDs that nobody has, and would take NOT_FOUND for an answer of a method that is served.
 */
export function notByEngine({ rpc }: Call): CriError {
  return unimplemented(`${rpc}: the engine of this runtime can't do it`);
}
