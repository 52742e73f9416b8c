import type { EndpointFacts, Failure } from "./facts.ts";
import type { KubeletVerdict } from "./judge-kubelets.ts";

/**
 * What is to be said of an endpoint in one word, the best first:
 * - `ready`: the newest kubelet registers the node here, and it becomes Ready
 * - `not-ready`: the newest kubelet registers the node here, and no pod can run on it
 * - `older-only`: the newest kubelet does not start here, older ones do
 * - `unusable`: it serves CRI, or a part of it, and no kubelet starts here
 * - `serves-no-cri`: it speaks gRPC and serves no version of CRI
 * - `not-grpc`: something else listens there
 * - `silent`: it takes the connection and does not answer in time
 * - `unreachable`: nothing listens there, or it may not be reached, or it breaks the connection
 */
export const verdicts = [
  "ready",
  "not-ready",
  "older-only",
  "unusable",
  "serves-no-cri",
  "not-grpc",
  "silent",
  "unreachable",
] as const;
export type Verdict = (typeof verdicts)[number];

/** Exit codes of `keelson doctor`; 1 is an error of its own, 2 its usage. */
export const exitCodes: Readonly<Record<Verdict, number>> = {
  ready: 0,
  "not-ready": 3,
  "older-only": 4,
  unusable: 5,
  "serves-no-cri": 6,
  "not-grpc": 7,
  silent: 8,
  unreachable: 9,
};

export function verdictOf(facts: EndpointFacts, kubelets: readonly KubeletVerdict[]): Verdict {
  const newest = kubelets.at(-1)?.outcome;
  if (newest === "ready") return "ready";
  if (newest === "not-ready" || newest === "no-pods") return "not-ready";
  if (kubelets.some(({ outcome }) => outcome !== "exits")) return "older-only";
  const answers = [...Object.values(facts.runtime), ...Object.values(facts.image)];
  if (answers.some(({ answer }) => answer === "served")) return "unusable";
  if (answers.every(({ answer }) => answer === "unimplemented")) return "serves-no-cri";
  const failure = failureToReach(facts);
  return failure === undefined ? "unusable" : verdictOfFailure(failure);
}

/** Why no call reached a runtime; undefined where one was answered. */
export function failureToReach(facts: EndpointFacts): Failure | undefined {
  const failure = facts.runtime.v1.answer === "failed" ? facts.runtime.v1.failure : undefined;
  return failure === undefined || verdictOfFailure(failure) === "unusable" ? undefined : failure;
}

function verdictOfFailure({ code, reason }: Failure): Verdict {
  if (reason === "NOT_GRPC") return "not-grpc";
  if (reason === "NOT_LISTENING" || reason === "CONNECTION_LOST" || code === "PERMISSION_DENIED") return "unreachable";
  if (code === "DEADLINE_EXCEEDED") return "silent";
  // an error that the runtime has sent is an answer
  return "unusable";
}

/** The best of several: what is wrong at one endpoint does not matter where another serves. */
export function bestOf(all: readonly Verdict[]): Verdict {
  return verdicts.find((verdict) => all.includes(verdict)) ?? "unreachable";
}
