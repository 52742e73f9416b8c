import { printableLine } from "../output/printable.ts";
import { table } from "../output/table.ts";
import { knownCalls } from "./calls.ts";
import type { Answer, CgroupDriver, Features, Handler, Served, StatusFacts } from "./facts.ts";
import type { KubeletVerdict, Outcome } from "./judge-kubelets.ts";
import type { DoctorReport, EndpointReport, MissingCall } from "./report.ts";
import type { Verdict } from "./verdict.ts";
import { wrap } from "./wrap.ts";

const width = 100;
const labelWidth = 16;

/** The report for people: a block for each endpoint, readable without colour and without a terminal. */
export function renderReport({ endpoints, judged }: DoctorReport): string {
  const found = endpoints.filter(({ verdict }) => verdict !== "unreachable");
  const blocks = found.map((one) => renderEndpoint(one, judged.newest));
  return [...blocks, ...renderUnreachable(endpoints, found.length > 0)].join("\n\n");
}

/** Those with the same to say are one block; where a runtime was found, the others need no advice. */
function renderUnreachable(endpoints: readonly EndpointReport[], found: boolean): readonly string[] {
  const lost = endpoints.filter(({ verdict }) => verdict === "unreachable");
  const alike = Map.groupBy(lost, ({ failure, endpoint, advice }) => {
    const said = wrap(`  ${printableLine(reasonOf(failure?.message, endpoint))}`, width, "  ");
    return [...said, ...(found ? [] : adviceLines(advice))].join("\n");
  });
  return [...alike].map(([said, those]) => [...those.map(({ endpoint }) => printableLine(endpoint)), said].join("\n"));
}

/** The client's messages name the endpoint, which stands above. */
function reasonOf(message: string | undefined, endpoint: string): string {
  return (message ?? "no runtime answers here").replace(`connect to ${endpoint}: `, "");
}

function renderEndpoint(report: EndpointReport, newest: string): string {
  const parts = [
    [printableLine(report.endpoint), ...wrap(`  ${headline(report, newest)}`, width, "  ")],
    nothingMore.includes(report.verdict) ? [] : factLines(report),
    nothingMore.includes(report.verdict) ? [] : indented(kubeletTable(report.kubelets)),
    report.missing.length === 0 ? [] : indented(missingTable(report.missing)),
    adviceLines(report.advice),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join(nothingMore.includes(report.verdict) ? "\n" : "\n\n");
}

/** Where there is no runtime to tell of. */
const nothingMore: readonly Verdict[] = ["serves-no-cri", "not-grpc", "silent", "unreachable"];

function headline({ verdict, kubelets, failure, endpoint }: EndpointReport, newest: string): string {
  const starting = foldKubelets(kubelets.filter(({ outcome }) => outcome !== "exits")).map(({ range }) => range);
  switch (verdict) {
    case "ready":
      return `kubelet ${newest} works with this runtime: the node registers and becomes Ready`;
    case "not-ready":
      return kubelets.at(-1)?.outcome === "no-pods"
        ? `kubelet ${newest} starts with this runtime: the node registers, and no pod can run on it`
        : `kubelet ${newest} starts with this runtime: the node registers and stays NotReady`;
    case "older-only":
      return `kubelet ${newest} does not start with this runtime; older ones do: ${starting.join(", ")}`;
    case "unusable":
      return "it serves CRI, and no kubelet starts with it";
    case "serves-no-cri":
      return "it speaks gRPC and serves no CRI, neither v1 nor v1alpha2: no kubelet starts with it";
    default:
      return printableLine(reasonOf(failure?.message, endpoint));
  }
}

function factLines(report: EndpointReport): readonly string[] {
  const { runtime, status, cgroupDriver, services, endpoint, imageEndpoint, unanswered, methods } = report;
  // the rest are calls that every runtime has
  const later = knownCalls.filter(({ since, method }) => since !== undefined && methods[method] === "not-asked");
  return [
    fact("calls itself", runtime === undefined ? "nothing" : `${runtime.name} ${runtime.version}`),
    fact("RuntimeService", servedText(services.runtime)),
    fact(
      "ImageService",
      `${servedText(services.image)}${endpoint === imageEndpoint ? "" : `, at ${printableLine(imageEndpoint)}`}`,
    ),
    ...statusLines(status),
    fact("cgroup driver", driverText(cgroupDriver)),
    ...(unanswered.length === 0 ? [] : [fact("no answer to", unanswered.map(shortName).join(", "))]),
    ...(later.length === 0 ? [] : [fact("not asked", later.map(({ method }) => shortName(method)).join(", "))]),
  ].flat();
}

function statusLines(status: Answer<StatusFacts> | undefined): readonly (readonly string[])[] {
  if (status === undefined) return [];
  if (status.answer !== "served")
    return [fact("Status", status.answer === "failed" ? status.failure.message : "not served")];
  const { conditions, handlers, features } = status.value;
  return [
    ...conditions.map(({ type, status: holds, reason, message }) =>
      fact(
        type,
        `${holds ? "yes" : "no"}${[reason, message]
          .filter((text) => text !== "")
          .map((text) => `, ${text}`)
          .join("")}`,
      ),
    ),
    fact("handlers", handlers.length === 0 ? "none told" : handlers.map(handlerText).join("; ")),
    fact("features", features === undefined ? "none told" : featuresText(features)),
  ];
}

function handlerText({ name, features }: Handler): string {
  const label = name === "" ? "(default)" : name;
  return `${label}: ${featuresText(features)}`;
}

function featuresText(features: Features): string {
  return Object.entries(features)
    .map(([name, has]) => `${has ? "" : "no "}${name.replaceAll("_", " ")}`)
    .join(", ");
}

function servedText(served: Served): string {
  const versions = Object.entries(served).filter(([, { answer }]) => answer === "served");
  const failures = Object.entries(served).flatMap(([version, answer]) =>
    answer.answer === "failed" ? [`${version}: ${answer.failure.message}`] : [],
  );
  const told =
    versions.length === 0 ? (failures.length === 0 ? ["not served"] : []) : [versions.map(([v]) => v).join(" and ")];
  return [...told, ...failures].join("; ");
}

function driverText(driver: Answer<CgroupDriver> | undefined): string {
  if (driver === undefined || driver.answer === "unimplemented") return "not told: RuntimeConfig is not served";
  if (driver.answer === "failed") return `RuntimeConfig: ${driver.failure.message}`;
  if (driver.value === "unset") return "not told: RuntimeConfig leaves it open";
  return driver.value === "unknown" ? "one that no kubelet knows" : driver.value;
}

function fact(label: string, text: string): readonly string[] {
  const shown = printableLine(label);
  const lead = shown.length < labelWidth ? `  ${shown.padEnd(labelWidth)}` : `  ${shown}  `;
  return wrap(lead + printableLine(text), width, " ".repeat(2 + labelWidth));
}

function adviceLines(advice: readonly string[]): readonly string[] {
  return advice.flatMap((one) => wrap(`  → ${one}`, width, "    "));
}

interface FoldedKubelets {
  readonly range: string;
  readonly verdict: KubeletVerdict;
}

/** Neighbours with which the same happens are one row. */
export function foldKubelets(kubelets: readonly KubeletVerdict[]): readonly FoldedKubelets[] {
  const runs: [KubeletVerdict, ...KubeletVerdict[]][] = [];
  for (const one of kubelets) {
    const run = runs.at(-1);
    if (run !== undefined && sameFate(run[0], one)) run.push(one);
    else runs.push([one]);
  }
  return runs.map((run) => ({
    range: run.length === 1 ? run[0].kubelet : `${run[0].kubelet} – ${run.at(-1)?.kubelet}`,
    verdict: run[0],
  }));
}

function sameFate(a: KubeletVerdict, b: KubeletVerdict): boolean {
  return JSON.stringify({ ...a, kubelet: "" }) === JSON.stringify({ ...b, kubelet: "" });
}

const nodes: Readonly<Record<Outcome, string>> = {
  ready: "registers, Ready",
  "not-ready": "registers, NotReady",
  "no-pods": "registers, runs no pod",
  exits: "does not start",
};

function kubeletTable(kubelets: readonly KubeletVerdict[]): string {
  const rows = foldKubelets(kubelets).flatMap(({ range, verdict }) => {
    const { runtime = "none", image = "none", outcome, why, cgroupDriver } = verdict;
    const driver = cgroupDriver === "kubelet" ? "kubelet's own" : (cgroupDriver ?? "");
    const node = why.length === 0 ? nodes[outcome] : `${nodes[outcome]}: ${why.join("; ")}`;
    return withLongCell([range, runtime, image, driver], node, 50);
  });
  return table(["KUBELET", "RUNTIME", "IMAGES", "CGROUP DRIVER", "NODE"], rows);
}

function missingTable(missing: readonly MissingCall[]): string {
  const groups = Map.groupBy(missing, ({ since, without }) => `${since} ${without}`);
  const rows = [...groups.values()].flatMap((calls) => {
    const names = wrap(calls.map(({ method }) => shortName(method)).join(", "), 30);
    const effect = wrap(calls[0]?.without ?? "", 58);
    return Array.from({ length: Math.max(names.length, effect.length) }, (_, line) => [
      line === 0 ? (calls[0]?.since ?? "before") : "",
      names[line] ?? "",
      effect[line] ?? "",
    ]);
  });
  return table(["SINCE", "MISSING CALL", "WITHOUT IT"], rows);
}

function withLongCell(cells: readonly string[], text: string, max: number): readonly (readonly string[])[] {
  return wrap(printableLine(text), max).map((line, index) => [...(index === 0 ? cells : cells.map(() => "")), line]);
}

function indented(text: string): readonly string[] {
  return text.split("\n").map((line) => `  ${line}`);
}

const shortName = (method: string): string => method.replace(/^.*\//, "");
