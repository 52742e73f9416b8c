// What a kubelet of each generation does with a runtime (k8s.io/cri-client; k8s.io/kubernetes: cmd/kubelet/app/server.go,
// pkg/kubelet/kubelet.go, pkg/kubelet/kuberuntime/kuberuntime_manager.go).
import type { CriVersion } from "@keelson/cri-api/versions";
import { knownCalls } from "./calls.ts";
import type { Answer, EndpointFacts, Refusal, Served, StatusFacts } from "./facts.ts";

/** The Kubernetes minors that are judged: 1.22 … 1.37. */
export const oldestKubelet = 22;
export const newestKubelet = 37;

/**
 * - `ready`: it registers the node, which becomes Ready
 * - `not-ready`: it registers the node, which stays NotReady
 * - `no-pods`: it registers the node, and no pod can run there
 * - `exits`: it ends before there is a node, each time that it is started
 */
export type Outcome = "ready" | "not-ready" | "no-pods" | "exits";

export interface KubeletVerdict {
  /** `1.22` */
  readonly kubelet: string;
  /** What it speaks to each service; undefined where it ends before it has chosen. */
  readonly runtime: CriVersion | undefined;
  readonly image: CriVersion | undefined;
  readonly outcome: Outcome;
  /** What stands in the way, one sentence each; empty when it is ready. */
  readonly why: readonly string[];
  /** The cgroup driver that it uses, or `kubelet` for its own setting; undefined where it does not come so far. */
  readonly cgroupDriver: "systemd" | "cgroupfs" | "kubelet" | undefined;
}

/** The only VersionResponse.version that a kubelet takes (kubeRuntimeAPIVersion). */
const kubeletApiVersion = "0.1.0";

/** From here on KubeletCgroupDriverFromCRI is on by default, and RuntimeConfig is asked at the start. */
const asksForDriver = 31;

export function judgeKubelets(facts: EndpointFacts): readonly KubeletVerdict[] {
  return Array.from({ length: newestKubelet - oldestKubelet + 1 }, (_, index) => judge(oldestKubelet + index, facts));
}

function judge(minor: number, facts: EndpointFacts): KubeletVerdict {
  const runtime = choose(minor, "RuntimeService", facts.runtime);
  const image = choose(minor, "ImageService", facts.image);
  const fatal = [...addressProblems(facts), ...runtime.why, ...image.why, ...startOf(minor, runtime.version, facts)];
  const chosen = { kubelet: `1.${minor}`, runtime: runtime.version, image: image.version };
  if (fatal.length > 0) return { ...chosen, outcome: "exits", why: fatal, cgroupDriver: undefined };
  const notReady = readinessOf(runtime.version, facts);
  const noPods = podsOf(runtime.version, image.version, facts);
  const outcome = notReady.length > 0 ? "not-ready" : noPods.length > 0 ? "no-pods" : "ready";
  return { ...chosen, outcome, why: [...notReady, ...noPods], cgroupDriver: driverOf(minor, facts) };
}

/** pkg/kubelet/util: all else is refused, on the client's side as on the runtime's. */
function addressProblems({ endpoint, imageEndpoint }: EndpointFacts): readonly string[] {
  return [endpoint, imageEndpoint].every((one) => one.startsWith("unix:///"))
    ? []
    : ["kubelets dial unix sockets with a path only"];
}

interface Choice {
  readonly version: CriVersion | undefined;
  readonly why: readonly string[];
}

/** The choice at the start, for one service by itself; it is never made again. */
function choose(minor: number, service: string, served: Served): Choice {
  // before 1.23 there is nothing to choose, and nothing is asked
  if (minor < 23) return { version: "v1alpha2", why: [] };
  if (served.v1.answer === "served") return { version: "v1", why: [] };
  if (served.v1.answer === "failed")
    return { version: undefined, why: [`${service} v1: ${served.v1.failure.message}`] };
  // status 12 and nothing else; whether v1alpha2 is there is not asked at that time
  if (minor < 26) return { version: "v1alpha2", why: [] };
  return { version: undefined, why: [`${service} v1 is not served`] };
}

/** What ends the kubelet after it has chosen. */
function startOf(minor: number, version: CriVersion | undefined, facts: EndpointFacts): readonly string[] {
  if (version === undefined) return [];
  const served = notServed("RuntimeService", version, facts.runtime);
  if (served !== undefined) return [served];
  return [...versionProblems(version, facts), ...(minor < asksForDriver ? [] : driverProblems(facts))];
}

function versionProblems(version: CriVersion, facts: EndpointFacts): readonly string[] {
  const strings = facts.asked[version]?.strings;
  if (strings === undefined) return [];
  if (strings.answer !== "served") return [unanswered("Version", strings)];
  const { value } = strings;
  const empty = [
    ["version", value.kubeletApiVersion],
    ["runtime_name", value.runtimeName],
    ["runtime_version", value.runtimeVersion],
    ["runtime_api_version", value.runtimeApiVersion],
  ].filter(([, text]) => text === "");
  if (empty.length > 0) return [`Version's answer lacks ${empty.map(([name]) => name).join(", ")}`];
  return value.kubeletApiVersion === kubeletApiVersion
    ? []
    : [
        `Version's answer says version ${JSON.stringify(value.kubeletApiVersion)}, where kubelets take ${kubeletApiVersion} only`,
      ];
}

function driverProblems(facts: EndpointFacts): readonly string[] {
  const driver = facts.cgroupDriver;
  if (driver.answer === "failed") return [unanswered("RuntimeConfig", driver)];
  const unknown = driver.answer === "served" && driver.value === "unknown";
  return unknown ? ["RuntimeConfig names a cgroup driver that no kubelet knows"] : [];
}

function driverOf(minor: number, facts: EndpointFacts): "systemd" | "cgroupfs" | "kubelet" {
  if (minor < asksForDriver || facts.cgroupDriver.answer !== "served") return "kubelet";
  const { value } = facts.cgroupDriver;
  return value === "systemd" || value === "cgroupfs" ? value : "kubelet";
}

/** What keeps the node NotReady: Status (asked each 5 s), and lists that fail. */
function readinessOf(version: CriVersion | undefined, facts: EndpointFacts): readonly string[] {
  const status = version === undefined ? undefined : facts.asked[version]?.status;
  const conditions = status === undefined ? [] : conditionProblems(status);
  return [...conditions, ...brokenCalls("not-ready", "RuntimeService", version, facts)];
}

function conditionProblems(status: Answer<StatusFacts>): readonly string[] {
  if (status.answer !== "served") return [unanswered("Status", status)];
  const { conditions } = status.value;
  if (conditions.length < 2) return [`Status tells ${conditions.length} of the 2 conditions that a kubelet wants`];
  return ["RuntimeReady", "NetworkReady"].flatMap((type) => {
    const condition = conditions.find((one) => one.type === type);
    if (condition === undefined) return [`Status does not tell ${type}`];
    return condition.status ? [] : [`${type} is false`];
  });
}

function podsOf(
  runtime: CriVersion | undefined,
  image: CriVersion | undefined,
  facts: EndpointFacts,
): readonly string[] {
  const images = image === undefined ? undefined : notServed("ImageService", image, facts.image);
  return [
    ...brokenCalls("no-pods", "RuntimeService", runtime, facts),
    ...(images === undefined
      ? brokenCalls("no-pods", "ImageService", image, facts)
      : [`${images}: no image can be pulled`]),
  ];
}

/** Only a kubelet that chose v1alpha2 unasked comes here with a version that is not served. */
function notServed(service: string, version: CriVersion, served: Served): string | undefined {
  const answer = served[version];
  if (answer.answer === "served") return undefined;
  return answer.answer === "failed"
    ? `${service} ${version}: ${answer.failure.message}`
    : `${service} ${version} is not served`;
}

/** Calls without which the node is of no use. They are known for one version only, and nothing is concluded for the other. */
function brokenCalls(
  breaks: "not-ready" | "no-pods",
  service: "RuntimeService" | "ImageService",
  version: CriVersion | undefined,
  facts: EndpointFacts,
): readonly string[] {
  const known = service === "RuntimeService" ? facts.methodsOf.runtime : facts.methodsOf.image;
  if (version === undefined || version !== known) return [];
  return (
    knownCalls
      .filter((call) => call.breaks === breaks && call.method.startsWith(`${service}/`))
      // asked by themselves, with their answers
      .filter((call) => call.method !== "RuntimeService/Version" && call.method !== "RuntimeService/Status")
      .flatMap(({ method }) => {
        const answer = facts.methods[method];
        if (answer === "unimplemented") return [`${method} is not served`];
        return answer === "unanswered" ? [`${method} is not answered`] : [];
      })
  );
}

function unanswered(call: string, answer: Refusal): string {
  return answer.answer === "unimplemented" ? `${call} is not served` : `${call}: ${answer.failure.message}`;
}
