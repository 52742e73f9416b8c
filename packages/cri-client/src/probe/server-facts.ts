import type { RuntimeFeatures, RuntimeHandler } from "@keelson/cri-api/v1";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type AskOptions, askMethods } from "./ask-methods.ts";
import { type Generation, newestGeneration } from "./generation.ts";
import { answerOf, type MethodAnswer } from "./method-answer.ts";

/** What a runtime shows of itself, by its answers alone: its name and its version string say nothing here. */
export interface ServerFacts {
  readonly version: CriVersion;
  /** By `RuntimeService/RuntimeConfig` and the like. */
  readonly methods: ReadonlyMap<string, MethodAnswer>;
  /**
   * The numbers of the gRPC statuses that its unary methods answered when they were asked, by the same names: 0 for
   * success, 5 (NOT_FOUND) where the method looked for an ID that nobody has.
   */
  readonly statuses: ReadonlyMap<string, number>;
  /** The newest that its methods show. */
  readonly generation: Generation;
  /** Undefined where Status tells none: since Kubernetes 1.31. */
  readonly features: RuntimeFeatures | undefined;
  /** Empty where Status tells none: since Kubernetes 1.30. */
  readonly handlers: readonly RuntimeHandler[];
}

/**
 * Learns what a runtime shows of itself: {@link probeMethods} and Status.
 * @throws what Status failed with, as the transport threw it, unless that was UNIMPLEMENTED: a runtime that does not yet
 *   answer Status answers other calls with errors that would be taken for calls that it serves; the signal's reason
 */
export async function learnServerFacts(options: AskOptions): Promise<ServerFacts> {
  const { methods, statuses, status } = await askMethods(options);
  if ("error" in status && answerOf(status.error) !== "unimplemented") throw status.error;
  const response = "response" in status ? status.response : undefined;
  return {
    version: options.version,
    methods,
    statuses,
    generation: newestGeneration(methods),
    features: response?.features,
    handlers: response?.runtimeHandlers ?? [],
  };
}
