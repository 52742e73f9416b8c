import { printableLine } from "../output/printable.ts";
import { knownCalls } from "./calls.ts";
import type { Answer, CgroupDriver, Features, Handler, Served, StatusFacts } from "./facts.ts";
import type { EndpointReport } from "./report.ts";
import { wrap } from "./wrap.ts";

export const width = 100;
const labelWidth = 16;

/** What the runtime serves and says, a line or more each. */
export function factLines(report: EndpointReport): readonly string[] {
  const { runtime, status, cgroupDriver, services, endpoint, imageEndpoint, unanswered, methods } = report;
  // the rest are calls that every runtime has
  const later = knownCalls.filter(({ since, method }) => since !== undefined && methods[method] === "not-asked");
  return [
    fact("calls itself", `${runtime?.name ?? ""} ${runtime?.version ?? ""}`.trim() || "nothing"),
    fact("RuntimeService", servedText(services.runtime, endpoint)),
    fact(
      "ImageService",
      `${servedText(services.image, endpoint)}${endpoint === imageEndpoint ? "" : `, at ${printableLine(imageEndpoint)}`}`,
    ),
    ...statusLines(status),
    ...(status === undefined ? [] : [fact("cgroup driver", driverText(cgroupDriver))]),
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

function servedText(served: Served, endpoint: string): string {
  const versions = Object.entries(served).filter(([, { answer }]) => answer === "served");
  const failures = Object.entries(served).flatMap(([version, answer]) =>
    answer.answer === "failed" ? [`${version}: ${brief(answer.failure.message, endpoint)}`] : [],
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

/** The client's messages name what was asked where, which stands above or before. */
export function brief(text: string, endpoint: string): string {
  const [before = "", ...after] = text.split(` ${endpoint}: `);
  const said = /^(.*: )?(?:connect to|(?:call|ask for) [\w./]+ at)$/s.exec(before);
  return said === null || after.length === 0 ? text : (said[1] ?? "") + after.join(` ${endpoint}: `);
}

/** `RuntimeService/Exec` as `Exec`. */
export const shortName = (method: string): string => method.replace(/^.*\//, "");
