import { printableLine } from "../output/printable.ts";
import { table } from "../output/table.ts";
import { foldKubelets, startingKubelets } from "./fold-kubelets.ts";
import type { Outcome } from "./judge-kubelets.ts";
import { brief, factLines, shortName, width } from "./render-facts.ts";
import type { DoctorReport, EndpointReport, MissingCall } from "./report.ts";
import type { Verdict } from "./verdict.ts";
import { wrap } from "./wrap.ts";

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
    const said = wrap(
      `  ${printableLine(brief(failure?.message ?? "no runtime answers here", endpoint))}`,
      width,
      "  ",
    );
    return [...said, ...(found ? [] : adviceLines(advice))].join("\n");
  });
  return [...alike].map(([said, those]) => [...those.map(({ endpoint }) => printableLine(endpoint)), said].join("\n"));
}

function renderEndpoint(report: EndpointReport, newest: string): string {
  const parts = [
    [printableLine(report.endpoint), ...wrap(`  ${headline(report, newest)}`, width, "  ")],
    nothingMore.includes(report.verdict) ? [] : factLines(report),
    nothingMore.includes(report.verdict) ? [] : indented(kubeletTable(report)),
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

function headline(report: EndpointReport, newest: string): string {
  const { verdict, kubelets, failure, endpoint } = report;
  switch (verdict) {
    case "ready":
      return `kubelet ${newest} works with this runtime: the node registers and becomes Ready`;
    case "not-ready":
      return kubelets.at(-1)?.outcome === "no-pods"
        ? `kubelet ${newest} starts with this runtime: the node registers, and no pod can run on it`
        : `kubelet ${newest} starts with this runtime: the node registers and stays NotReady`;
    case "older-only":
      return `kubelet ${newest} does not start with this runtime; older ones do: ${startingKubelets(kubelets).join(", ")}`;
    case "unusable":
      return `it ${isServed(report) ? "serves CRI" : "answers with errors"}, and no kubelet starts with it`;
    case "serves-no-cri":
      return "it speaks gRPC and serves no CRI, neither v1 nor v1alpha2: no kubelet starts with it";
    default:
      return printableLine(brief(failure?.message ?? "no runtime answers here", endpoint));
  }
}

function isServed({ services }: EndpointReport): boolean {
  const answers = [...Object.values(services.runtime), ...Object.values(services.image)];
  return answers.some(({ answer }) => answer === "served");
}

function adviceLines(advice: readonly string[]): readonly string[] {
  return advice.flatMap((one) => wrap(`  → ${one}`, width, "    "));
}

const nodes: Readonly<Record<Outcome, string>> = {
  ready: "registers, Ready",
  "not-ready": "registers, NotReady",
  "no-pods": "registers, runs no pod",
  exits: "does not start",
};

function kubeletTable({ kubelets, endpoint }: EndpointReport): string {
  const rows = foldKubelets(kubelets).flatMap(({ range, verdict }) => {
    const { runtime = "none", image = "none", outcome, why, cgroupDriver } = verdict;
    const driver = cgroupDriver === "kubelet" ? "kubelet's own" : (cgroupDriver ?? "");
    const node =
      why.length === 0 ? nodes[outcome] : `${nodes[outcome]}: ${why.map((one) => brief(one, endpoint)).join("; ")}`;
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
