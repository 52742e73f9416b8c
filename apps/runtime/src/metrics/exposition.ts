import type { Metric, Sample } from "./metric-registry.ts";

/** The content type of the text format. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Writes metrics in Prometheus's text format, version 0.0.4.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function expose(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, type, samples }) => {
      const head = `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
      return head + samples.map((sample) => line(name, sample)).join("");
    })
    .join("");
}

function line(name: string, { suffix, labels, value }: Sample): string {
  const shown = labels.map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(",");
  return `${name}${suffix}${shown === "" ? "" : `{${shown}}`} ${number(value)}\n`;
}

function escapeLabel(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
