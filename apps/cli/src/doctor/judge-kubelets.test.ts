import { describe, expect, it } from "vitest";
import {
  both,
  factsOf,
  factsWith,
  failed,
  goodStrings,
  neither,
  readyStatus,
  served,
  unimplemented,
  v1alpha2Only,
  v1Only,
} from "../../test/harness/endpoint-facts.ts";
import type { EndpointFacts, StatusFacts } from "./facts.ts";
import { foldKubelets } from "./fold-kubelets.ts";
import { judgeKubelets } from "./judge-kubelets.ts";

/** `1.22: v1alpha2/v1alpha2 exits` for each run of kubelets with which the same happens, and why. */
function fates(facts: EndpointFacts): readonly string[] {
  return foldKubelets(judgeKubelets(facts).map((one) => ({ ...one, cgroupDriver: undefined }))).map(
    ({ range, verdict: { runtime = "-", image = "-", outcome, why } }) =>
      `${range}: ${runtime}/${image} ${outcome}${why.length === 0 ? "" : ` (${why.join("; ")})`}`,
  );
}

const withConditions = (conditions: StatusFacts["conditions"]): EndpointFacts =>
  factsWith({ status: { answer: "served", value: { ...readyStatus, conditions } } });
const condition = (type: string, status: boolean) => ({ type, status, reason: "", message: "" });

describe("judgeKubelets()", () => {
  it("judges 1.22 to 1.37", () => {
    const kubelets = judgeKubelets(factsOf()).map(({ kubelet }) => kubelet);
    expect([kubelets[0], kubelets.at(-1), kubelets.length]).toEqual(["1.22", "1.37", 16]);
  });

  it("a runtime of both versions: v1alpha2 up to 1.22, v1 from 1.23", () => {
    expect(fates(factsOf({ runtime: both, image: both }))).toEqual([
      "1.22: v1alpha2/v1alpha2 ready",
      "1.23 – 1.37: v1/v1 ready",
    ]);
  });

  it("a runtime of v1alpha2: kubelets 1.23 to 1.25 fall back, later ones do not start", () => {
    expect(fates(factsOf({ runtime: v1alpha2Only, image: v1alpha2Only }))).toEqual([
      "1.22 – 1.25: v1alpha2/v1alpha2 ready",
      "1.26 – 1.37: -/- exits (RuntimeService v1 is not served; ImageService v1 is not served)",
    ]);
  });

  it("a runtime of v1: kubelet 1.22 does not start", () => {
    expect(fates(factsOf())).toEqual([
      "1.22: v1alpha2/v1alpha2 exits (RuntimeService v1alpha2 is not served)",
      "1.23 – 1.37: v1/v1 ready",
    ]);
  });

  it("no CRI: kubelets 1.23 to 1.25 take it for v1alpha2, and end", () => {
    expect(fates(factsOf({ runtime: neither, image: neither }))).toEqual([
      "1.22 – 1.25: v1alpha2/v1alpha2 exits (RuntimeService v1alpha2 is not served)",
      "1.26 – 1.37: -/- exits (RuntimeService v1 is not served; ImageService v1 is not served)",
    ]);
  });

  it("each service is negotiated by itself", () => {
    expect(fates(factsOf({ runtime: both, image: v1alpha2Only }))).toEqual([
      "1.22: v1alpha2/v1alpha2 ready",
      "1.23 – 1.25: v1/v1alpha2 ready",
      "1.26 – 1.37: v1/- exits (ImageService v1 is not served)",
    ]);
  });

  it("an image service that is not there is not noticed at the start up to 1.25: no image is pulled", () => {
    const lacks = "ImageService v1alpha2 is not served: no image can be pulled";
    expect(fates(factsOf({ runtime: both, image: neither }))).toEqual([
      `1.22: v1alpha2/v1alpha2 no-pods (${lacks})`,
      `1.23 – 1.25: v1/v1alpha2 no-pods (${lacks})`,
      "1.26 – 1.37: v1/- exits (ImageService v1 is not served)",
    ]);
  });

  it("an error that is not status 12 never makes a kubelet fall back", () => {
    const runtime = { v1: failed("is starting"), v1alpha2: served };
    expect(fates(factsOf({ runtime, image: both }))).toEqual([
      "1.22: v1alpha2/v1alpha2 ready",
      "1.23 – 1.37: -/v1 exits (RuntimeService v1: is starting)",
    ]);
  });

  it.each([
    [{ ...goodStrings, runtimeVersion: "" }, "Version's answer lacks runtime_version"],
    [{ ...goodStrings, kubeletApiVersion: "", runtimeName: "" }, "Version's answer lacks version, runtime_name"],
    [
      { ...goodStrings, kubeletApiVersion: "0.2.0" },
      'Version\'s answer says version "0.2.0", where kubelets take 0.1.0 only',
    ],
  ])("Version's answer %j ends every kubelet", (value, why) => {
    const [, later] = fates(factsWith({ strings: { answer: "served", value } }));
    expect(later).toBe(`1.23 – 1.37: v1/v1 exits (${why})`);
  });

  it("what the runtime calls itself decides nothing", () => {
    const value = { ...goodStrings, runtimeName: "containerd", runtimeVersion: "1.0.0", runtimeApiVersion: "v0" };
    expect(fates(factsWith({ strings: { answer: "served", value } }))).toEqual(fates(factsOf()));
  });

  it.each([
    [[], "Status tells 0 of the 2 conditions that a kubelet wants"],
    [[condition("RuntimeReady", true)], "Status tells 1 of the 2 conditions that a kubelet wants"],
    [[condition("RuntimeReady", true), condition("Other", true)], "Status does not tell NetworkReady"],
    [[condition("RuntimeReady", false), condition("NetworkReady", true)], "RuntimeReady is false"],
    [
      [condition("RuntimeReady", false), condition("NetworkReady", false)],
      "RuntimeReady is false; NetworkReady is false",
    ],
  ])("conditions %j: the node registers and stays NotReady", (conditions, why) => {
    expect(fates(withConditions(conditions))[1]).toBe(`1.23 – 1.37: v1/v1 not-ready (${why})`);
  });

  it("a Status that fails, or is not served, leaves the node NotReady", () => {
    expect(fates(factsWith({ status: failed("no answer in 10 s") }))[1]).toBe(
      "1.23 – 1.37: v1/v1 not-ready (Status: no answer in 10 s)",
    );
    expect(fates(factsWith({ status: unimplemented }))[1]).toBe("1.23 – 1.37: v1/v1 not-ready (Status is not served)");
  });

  it("RuntimeConfig is asked from 1.31: not served is well, an error is not", () => {
    expect(fates(factsOf({ cgroupDriver: unimplemented }))).toEqual(fates(factsOf()));
    expect(fates(factsOf({ cgroupDriver: failed("no systemd") })).slice(1)).toEqual([
      "1.23 – 1.30: v1/v1 ready",
      "1.31 – 1.37: v1/v1 exits (RuntimeConfig: no systemd)",
    ]);
    expect(fates(factsOf({ cgroupDriver: { answer: "served", value: "unknown" } })).at(-1)).toBe(
      "1.31 – 1.37: v1/v1 exits (RuntimeConfig names a cgroup driver that no kubelet knows)",
    );
  });

  it.each([
    [{ answer: "served", value: "cgroupfs" } as const, "kubelet", "cgroupfs"],
    [{ answer: "served", value: "unset" } as const, "kubelet", "kubelet"],
    [unimplemented, "kubelet", "kubelet"],
  ])("cgroup driver with RuntimeConfig %j: before 1.31 %s, then %s", (cgroupDriver, before, after) => {
    const drivers = judgeKubelets(factsOf({ cgroupDriver })).map((one) => [one.kubelet, one.cgroupDriver]);
    expect(drivers).toContainEqual(["1.30", before]);
    expect(drivers).toContainEqual(["1.31", after]);
    expect(drivers).toContainEqual(["1.22", undefined]);
  });

  it("a call that every pod needs and nobody serves is told, for the version that it was asked in", () => {
    expect(fates(factsOf({ without: ["RuntimeService/ListContainers"] }))[1]).toBe(
      "1.23 – 1.37: v1/v1 not-ready (RuntimeService/ListContainers is not served)",
    );
    expect(fates(factsOf({ image: both, runtime: both, without: ["ImageService/ImageStatus"] }))).toEqual([
      "1.22: v1alpha2/v1alpha2 ready",
      "1.23 – 1.37: v1/v1 no-pods (ImageService/ImageStatus is not served)",
    ]);
  });

  it("a call that every pod needs and that gets no answer is told too", () => {
    const facts = factsOf();
    const methods = { ...facts.methods, "RuntimeService/ListPodSandbox": "unanswered" } as const;
    expect(fates({ ...facts, methods })[1]).toBe(
      "1.23 – 1.37: v1/v1 not-ready (RuntimeService/ListPodSandbox is not answered)",
    );
  });

  it.each(["tcp://127.0.0.1:1", "unix-abstract:cri"])("no kubelet dials %s", (endpoint) => {
    for (const where of [{ endpoint }, { imageEndpoint: endpoint }]) {
      const verdicts = judgeKubelets(factsOf(where));
      expect(new Set(verdicts.map(({ outcome }) => outcome))).toEqual(new Set(["exits"]));
      expect(verdicts.at(-1)?.why).toEqual(["kubelets dial unix sockets with a path only"]);
    }
  });

  it("a missing call of a later generation keeps no node from being Ready", () => {
    const without = ["RuntimeService/StreamContainers", "RuntimeService/RestorePod", "RuntimeService/PodSandboxStats"];
    expect(fates(factsOf({ without, runtime: v1Only }))).toEqual(fates(factsOf()));
  });
});
