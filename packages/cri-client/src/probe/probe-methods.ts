import { type AskOptions, askMethods } from "./ask-methods.ts";
import type { MethodAnswer } from "./method-answer.ts";

/**
 * Asks a runtime for every method of a version, in a way that changes nothing: with IDs that nobody has, and streams
 * that are closed again. Methods without a harmless form are `not-asked`, and so are container events at a runtime that
 * shows no features, because such a runtime may hand each event to one reader only.
 * @returns by `RuntimeService/RuntimeConfig` and the like, whatever the version
 * @throws the signal's reason; a runtime that does not answer is no error but `unanswered`
 */
export async function probeMethods(options: AskOptions): Promise<ReadonlyMap<string, MethodAnswer>> {
  return (await askMethods(options)).methods;
}
