import { advise } from "./advise.ts";
import type { Answer, CgroupDriver, EndpointFacts, Failure, MethodAnswer, Served, StatusFacts } from "./facts.ts";
import { judgeKubelets, type KubeletVerdict, newestKubelet, oldestKubelet } from "./judge-kubelets.ts";
import { missingCalls, unansweredCalls } from "./missing-calls.ts";
import { bestOf, exitCodes, failureToReach, type Verdict, verdictOf } from "./verdict.ts";

/** What `keelson doctor --json` prints; docs/reference/doctor.md explains each field. A new meaning is a new version. */
export interface DoctorReport {
  readonly schemaVersion: 1;
  /** The best of the endpoints. */
  readonly verdict: Verdict;
  readonly exitCode: number;
  readonly judged: { readonly oldest: string; readonly newest: string };
  readonly endpoints: readonly EndpointReport[];
}

export interface EndpointReport {
  readonly endpoint: string;
  readonly imageEndpoint: string;
  readonly verdict: Verdict;
  /** Why no runtime could be asked. */
  readonly failure: Failure | undefined;
  readonly services: { readonly runtime: Served; readonly image: Served };
  /** What it calls itself, of which nothing follows. */
  readonly runtime: { readonly name: string; readonly version: string; readonly apiVersion: string } | undefined;
  readonly status: Answer<StatusFacts> | undefined;
  readonly cgroupDriver: Answer<CgroupDriver> | undefined;
  readonly methods: Readonly<Record<string, MethodAnswer>>;
  readonly methodsOf: EndpointFacts["methodsOf"];
  readonly missing: readonly MissingCall[];
  readonly unanswered: readonly string[];
  readonly kubelets: readonly KubeletVerdict[];
  readonly advice: readonly string[];
}

export interface MissingCall {
  readonly method: string;
  /** The Kubernetes minor that brought it; undefined for what was there before CRI v1. */
  readonly since: string | undefined;
  readonly without: string;
  /** Set where the node is of no use without it. */
  readonly breaks: "not-ready" | "no-pods" | undefined;
}

/** Judges facts. Several endpoints are as good as the best of them. */
export function reportOn(all: readonly EndpointFacts[]): DoctorReport {
  const endpoints = all.map(reportOnEndpoint);
  const verdict = bestOf(endpoints.map((one) => one.verdict));
  return {
    schemaVersion: 1,
    verdict,
    exitCode: exitCodes[verdict],
    judged: { oldest: `1.${oldestKubelet}`, newest: `1.${newestKubelet}` },
    endpoints,
  };
}

function reportOnEndpoint(facts: EndpointFacts): EndpointReport {
  const kubelets = judgeKubelets(facts);
  const verdict = verdictOf(facts, kubelets);
  const newest = facts.asked.v1 ?? facts.asked.v1alpha2;
  const strings = newest?.strings.answer === "served" ? newest.strings.value : undefined;
  return {
    endpoint: facts.endpoint,
    imageEndpoint: facts.imageEndpoint,
    verdict,
    failure: failureToReach(facts),
    services: { runtime: facts.runtime, image: facts.image },
    runtime:
      strings === undefined
        ? undefined
        : { name: strings.runtimeName, version: strings.runtimeVersion, apiVersion: strings.runtimeApiVersion },
    status: newest?.status,
    cgroupDriver: facts.asked.v1 === undefined ? undefined : facts.cgroupDriver,
    methods: facts.methods,
    methodsOf: facts.methodsOf,
    missing: missingCalls(facts).map(({ method, since, without, breaks }) => ({ method, since, without, breaks })),
    unanswered: unansweredCalls(facts),
    kubelets,
    advice: advise(facts, kubelets, verdict),
  };
}

/** One line feed between fields; what is not there is null, so that each field is always there. */
export function reportAsJson(report: DoctorReport): string {
  return JSON.stringify(report, (_, value: unknown) => (value === undefined ? null : value), 2);
}
