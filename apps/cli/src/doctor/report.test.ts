import { describe, expect, it } from "vitest";
import {
  both,
  factsOf,
  factsWith,
  failed,
  goodStrings,
  neither,
  readyStatus,
  unimplemented,
  v1alpha2Only,
  v1Only,
} from "../../test/harness/endpoint-facts.ts";
import type { EndpointFacts, Served } from "./facts.ts";
import { renderReport } from "./render-report.ts";
import { reportAsJson, reportOn } from "./report.ts";

const all = (answer: Served["v1"]): Partial<EndpointFacts> => {
  const services = { v1: answer, v1alpha2: answer };
  return { runtime: services, image: services };
};
const notListening = failed("nothing listens there", { reason: "NOT_LISTENING" });

describe("reportOn()", () => {
  it.each([
    ["ready", 0, factsOf()],
    ["ready", 0, factsOf({ cgroupDriver: unimplemented, without: ["RuntimeService/RuntimeConfig"] })],
    ["not-ready", 3, factsWith({ status: { answer: "served", value: { ...readyStatus, conditions: [] } } })],
    ["not-ready", 3, factsOf({ without: ["ImageService/PullImage"] })],
    ["older-only", 4, factsOf({ runtime: v1alpha2Only, image: v1alpha2Only })],
    ["older-only", 4, factsOf({ runtime: both, image: neither })],
    ["unusable", 5, factsOf({ endpoint: "tcp://127.0.0.1:1" })],
    ["unusable", 5, factsOf({ runtime: neither })],
    ["unusable", 5, factsWith({ strings: { answer: "served", value: { ...goodStrings, runtimeName: "" } } })],
    ["unusable", 5, factsOf(all(failed("server is not initialized yet")))],
    ["unusable", 5, factsOf({ ...all(notListening), image: v1Only })],
    ["serves-no-cri", 6, factsOf({ runtime: neither, image: neither })],
    ["not-grpc", 7, factsOf(all(failed("a web server", { code: "INTERNAL", reason: "NOT_GRPC" })))],
    ["silent", 8, factsOf(all(failed("no answer", { code: "DEADLINE_EXCEEDED" })))],
    ["unreachable", 9, factsOf(all(notListening))],
    ["unreachable", 9, factsOf(all(failed("not permitted", { code: "PERMISSION_DENIED" })))],
    ["unreachable", 9, factsOf(all(failed("broke", { code: "UNAVAILABLE", reason: "CONNECTION_LOST" })))],
  ])("calls it %s, exit code %i", (verdict, exitCode, facts) => {
    const report = reportOn([facts]);
    expect({ verdict: report.verdict, exitCode: report.exitCode }).toEqual({ verdict, exitCode });
    expect(report.endpoints[0]?.verdict).toBe(verdict);
    // whatever is wrong, there is something to do
    if (exitCode !== 0) expect(report.endpoints[0]?.advice).not.toEqual([]);
  });

  it("takes the best of several", () => {
    const report = reportOn([factsOf(all(notListening)), factsOf(), factsOf({ runtime: neither, image: neither })]);
    expect([report.verdict, report.exitCode]).toEqual(["ready", 0]);
    expect(report.endpoints.map(({ verdict }) => verdict)).toEqual(["unreachable", "ready", "serves-no-cri"]);
  });

  it("names what is missing with its generation, and nothing of a service that is not served", () => {
    const without = ["RuntimeService/RuntimeConfig", "RuntimeService/CheckpointPod"];
    const [endpoint] = reportOn([factsOf({ without })]).endpoints;
    expect(endpoint?.missing.map(({ method, since }) => [method, since])).toEqual([
      ["RuntimeService/RuntimeConfig", "1.28"],
      ["RuntimeService/CheckpointPod", "1.37"],
    ]);
  });

  it.each([
    ["RuntimeConfig that is not served", factsOf({ cgroupDriver: unimplemented }), /^set the kubelet's cgroupDriver/],
    ["one version for each service", factsOf({ runtime: both, image: v1alpha2Only }), /two services are not of one/],
    [
      "one service alone",
      factsOf({ runtime: both, image: neither }),
      /RuntimeService is served .* ImageService is not/,
    ],
    ["v1alpha2 alone", factsOf({ runtime: v1alpha2Only, image: v1alpha2Only }), /^upgrade the runtime .* 1\.26/],
    ["a call without an answer", factsOf({ methods: { "RuntimeService/Exec": "unanswered" } }), /--timeout/],
  ])("knows a remedy for %s", (_, facts, advice) => {
    expect(reportOn([facts]).endpoints[0]?.advice).toEqual([expect.stringMatching(advice)]);
  });

  it("takes a service that answers with an error for one that is served", () => {
    const image: Served = { v1: failed("boom", { code: "INTERNAL" }), v1alpha2: { answer: "served" } };
    const [endpoint] = reportOn([factsOf({ runtime: both, image })]).endpoints;
    expect(endpoint?.advice).toContain("see the runtime's log for why these calls fail");
    expect(endpoint?.advice.join()).not.toContain("not of one version");
  });

  it("has nothing to say about a runtime where all is well", () => {
    expect(reportOn([factsOf()]).endpoints[0]?.advice).toEqual([]);
  });
});

describe("reportAsJson()", () => {
  it("has each field always, null where there is nothing", () => {
    const full = JSON.parse(reportAsJson(reportOn([factsOf()])));
    const empty = JSON.parse(reportAsJson(reportOn([factsOf(all(notListening))])));
    expect(Object.keys(empty)).toEqual(["schemaVersion", "verdict", "exitCode", "judged", "endpoints"]);
    expect(Object.keys(empty.endpoints[0])).toEqual(Object.keys(full.endpoints[0]));
    expect(empty.endpoints[0]).toMatchObject({ runtime: null, status: null, cgroupDriver: null });
    expect(full.endpoints[0]).toMatchObject({
      failure: null,
      runtime: { name: "imaginary", version: "1", apiVersion: "v1" },
      services: { runtime: { v1: { answer: "served" }, v1alpha2: { answer: "unimplemented" } } },
    });
  });
});

describe("renderReport()", () => {
  it("tells a runtime on lines that fit, and folds what is equal", () => {
    const text = renderReport(
      reportOn([factsOf({ runtime: both, image: both, without: ["RuntimeService/RestorePod"] })]),
    );
    expect(text).toBe(
      [
        "unix:///run/imaginary.sock",
        "  kubelet 1.37 works with this runtime: the node registers and becomes Ready",
        "",
        "  calls itself    imaginary 1",
        "  RuntimeService  v1 and v1alpha2",
        "  ImageService    v1 and v1alpha2",
        "  RuntimeReady    yes",
        "  NetworkReady    yes",
        "  handlers        (default): recursive read only mounts, no user namespaces",
        "  features        supplemental groups policy",
        "  cgroup driver   systemd",
        "",
        "  KUBELET       RUNTIME    IMAGES     CGROUP DRIVER   NODE",
        "  1.22          v1alpha2   v1alpha2   kubelet's own   registers, Ready",
        "  1.23 – 1.30   v1         v1         kubelet's own   registers, Ready",
        "  1.31 – 1.37   v1         v1         systemd         registers, Ready",
        "",
        "  SINCE   MISSING CALL   WITHOUT IT",
        "  1.37    RestorePod     checkpoints of pods are refused (alpha in 1.37, off by",
        "                         default)",
      ].join("\n"),
    );
  });

  it("is short where there is no runtime", () => {
    expect(renderReport(reportOn([factsOf(all(notListening))]))).toBe(
      "unix:///run/imaginary.sock\n  nothing listens there\n  → start the runtime, or name its socket with --endpoint",
    );
  });

  it("tells those that are not there last, together, and without advice where another is found", () => {
    const lost = ["unix:///run/a.sock", "unix:///run/b.sock"].map((endpoint) =>
      factsOf({ ...all(notListening), endpoint }),
    );
    const text = renderReport(reportOn([...lost, factsOf()]));
    expect(text).toMatch(/^unix:\/\/\/run\/imaginary\.sock\n/);
    expect(text).toMatch(/\n\nunix:\/\/\/run\/a\.sock\nunix:\/\/\/run\/b\.sock\n {2}nothing listens there$/);
  });

  it("does not say twice what was asked, and tells errors for what they are", () => {
    const at = "unix:///run/imaginary.sock";
    const starting = failed(`ask for runtime.v1.RuntimeService at ${at}: starting: 1 of ${at}: 2`);
    const text = renderReport(reportOn([factsOf(all(starting))]));
    expect(text).toContain("\n  it answers with errors, and no kubelet starts with it\n");
    expect(text).toContain(`\n  RuntimeService  v1: starting: 1 of ${at}: 2; v1alpha2: starting: 1 of\n`);
    expect(text).toMatch(/ 1\.23 – 1\.37 .* does not start: RuntimeService v1: starting: 1 of\n/);
    expect(text).toMatch(/\n {2}→ see the runtime's log for why these calls fail$/);
  });

  it("lets no foreign text make a line or move a cursor", () => {
    const value = { ...goodStrings, runtimeName: "\u001b[2Jevil\n  RuntimeService  v9" };
    const text = renderReport(reportOn([factsWith({ strings: { answer: "served", value } })]));
    expect(text).toContain("  calls itself    \\x1b[2Jevil\\n  RuntimeService  v9 1\n");
  });
});
