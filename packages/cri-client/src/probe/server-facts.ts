import type { RuntimeFeatures, RuntimeHandler } from "@keelson/cri-api/v1";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type AskOptions, askMethods } from "./ask-methods.ts";
import { type Generation, newestGeneration, tellsGeneration } from "./generation.ts";
import { answerOf, type MethodAnswer } from "./method-answer.ts";

/** What a runtime shows of itself, by its answers alone: its name and its version string say nothing here. */
export interface ServerFacts {
  readonly version: CriVersion;
  /** By `RuntimeService/RuntimeConfig` and the like: those that tell a generation, the others are `not-asked`. */
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

/** It tells what ListMetricDescriptors tells, and makes a runtime measure every container. */
const costly = "RuntimeService/ListPodSandboxMetrics";

/**
 * Learns what a runtime shows of itself, by Status and by the methods that tell a generation, asked as in
 * {@link probeMethods}.
 * @throws what Status failed with, as the transport threw it, unless that was UNIMPLEMENTED: a runtime that does not yet
 *   answer Status answers other calls with errors that would be taken for calls that it serves; what leaves open whether
 *   a method is served, such as no answer in time; the signal's reason
 */
export async function learnServerFacts(options: AskOptions): Promise<ServerFacts> {
  const asked = await askMethods(options, (method) => tellsGeneration(method) && method !== costly);
  const { methods, statuses, status, open } = asked;
  if ("error" in status && answerOf(status.error) !== "unimplemented") throw status.error;
  if (open.length > 0) throw open[0];
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
