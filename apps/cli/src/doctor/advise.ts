import type { EndpointFacts, Failure, Served } from "./facts.ts";
import type { KubeletVerdict } from "./judge-kubelets.ts";
import { missingCalls, unansweredCalls } from "./missing-calls.ts";
import { failureToReach, type Verdict } from "./verdict.ts";

/** What the operator of the node can do, most important first; empty when there is nothing to do. */
export function advise(facts: EndpointFacts, kubelets: readonly KubeletVerdict[], verdict: Verdict): readonly string[] {
  const failure = failureToReach(facts);
  if (failure !== undefined) return [adviseToReach(failure, verdict)];
  if (verdict === "serves-no-cri") return adviseOnNoCri;
  const why = new Set(kubelets.flatMap((kubelet) => kubelet.why));
  return [
    ...(about(why, "kubelets dial") ? ["let the runtime listen on a unix socket: kubelets take nothing else"] : []),
    ...adviseOnServices(facts),
    ...adviseOnAnswers(why),
    ...adviseOnCalls(facts),
    ...adviseOnConditions(facts),
    ...adviseOnDriver(facts, kubelets),
    ...(unansweredCalls(facts).length > 0 ? ["ask for longer, with --timeout, for what is served"] : []),
  ];
}

const adviseOnNoCri = [
  'switch the runtime\'s CRI part on and restart it (containerd: no "cri" in disabled_plugins; ctr plugins ls says what failed to load)',
  "do not register the node until then: kubelets 1.23 to 1.25 take this for a runtime of v1alpha2",
];

function adviseToReach({ reason, code }: Failure, verdict: Verdict): string {
  if (reason === "NOT_LISTENING") return "start the runtime, or name its socket with --endpoint";
  if (verdict === "not-grpc")
    return "name a runtime's socket with --endpoint: a web server or another program answers here";
  if (code === "PERMISSION_DENIED") return "run keelson as root, or as a member of the socket's group";
  return verdict === "silent"
    ? "see the runtime's log for what it waits for; a kubelet waits 2 minutes, and --timeout asks for longer"
    : "see the runtime's log for why it ends connections";
}

function adviseOnServices({ runtime, image, endpoint, imageEndpoint }: EndpointFacts): readonly string[] {
  const serves = (served: Served): boolean => Object.values(served).some(({ answer }) => answer === "served");
  if (!serves(runtime) && !serves(image)) return [];
  if (!serves(runtime) || !serves(image)) {
    const [here, missing] = serves(image) ? ["ImageService", "RuntimeService"] : ["RuntimeService", "ImageService"];
    return [
      endpoint === imageEndpoint
        ? `look at what stands between (a proxy?): ${here} is served here, and ${missing} is not; if it is served elsewhere, name both with --endpoint and --image-endpoint, and so to the kubelet`
        : `look at the runtime of ${missing}, which is not served at ${missing === "ImageService" ? imageEndpoint : endpoint}`,
    ];
  }
  if (runtime.v1.answer === "unimplemented" && image.v1.answer === "unimplemented") {
    return ["upgrade the runtime (containerd: 1.6 or newer) before the kubelet goes to 1.26, where v1 is required"];
  }
  const answers = [runtime.v1.answer, image.v1.answer];
  if (answers.includes("served") && answers.includes("unimplemented")) {
    return ["look at what stands between (a proxy?): its two services are not of one version, as a runtime's are"];
  }
  return [];
}

const about = (why: ReadonlySet<string>, start: string): boolean => [...why].some((one) => one.startsWith(start));

function adviseOnAnswers(why: ReadonlySet<string>): readonly string[] {
  return [
    ...(about(why, "Version's answer")
      ? ["upgrade the runtime, or what stands between: Version's answer is wrong"]
      : []),
    ...(about(why, "Status tells") || about(why, "Status does not tell")
      ? ["upgrade the runtime, or what stands between: Status's answer lacks conditions"]
      : []),
    ...(about(why, "RuntimeService v1:") ||
    about(why, "ImageService v1:") ||
    about(why, "Version:") ||
    about(why, "Status:") ||
    about(why, "RuntimeConfig:")
      ? ["see the runtime's log for why these calls fail"]
      : []),
  ];
}

function adviseOnCalls(facts: EndpointFacts): readonly string[] {
  if (missingCalls(facts).every(({ breaks }) => breaks === undefined)) return [];
  return ["upgrade the runtime, or look at what stands between: calls that every pod needs are not served"];
}

function adviseOnConditions({ asked }: EndpointFacts): readonly string[] {
  const status = (asked.v1 ?? asked.v1alpha2)?.status;
  const conditions = status?.answer === "served" ? status.value.conditions : [];
  const isFalse = (type: string): boolean => conditions.some((one) => one.type === type && !one.status);
  return [
    ...(isFalse("RuntimeReady") ? ["see the runtime's log for why it is not ready"] : []),
    ...(isFalse("NetworkReady")
      ? ["give the runtime a pod network: a CNI configuration where it looks for one (most often /etc/cni/net.d)"]
      : []),
  ];
}

function adviseOnDriver({ cgroupDriver, runtime }: EndpointFacts, kubelets: readonly KubeletVerdict[]): string[] {
  if (runtime.v1.answer !== "served" || cgroupDriver.answer !== "unimplemented") return [];
  if (kubelets.every(({ outcome }) => outcome === "exits")) return [];
  return [
    "set the kubelet's cgroupDriver to the runtime's, which RuntimeConfig does not tell; upgrade the runtime before the kubelet goes to 1.38 (containerd: 2.0 or newer)",
  ];
}
