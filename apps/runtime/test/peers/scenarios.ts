// All scenarios, and the table of them in docs/reference/crictl.md, which it writes when it is run as a program.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { replaceBlock } from "../../../../scripts/generated-block.ts";
import { containerScenarios } from "./container-scenarios.ts";
import { imageScenarios } from "./image-scenarios.ts";
import { mountScenarios } from "./mount-scenarios.ts";
import { restartScenarios } from "./restart-scenarios.ts";
import { sandboxScenarios } from "./sandbox-scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { comparedFields } from "./told.ts";

export const crictlPage: string = join(import.meta.dirname, "../../../../docs/reference/crictl.md");

/** Those that need no restart. */
export const plainScenarios: readonly Scenario[] = [
  ...sandboxScenarios,
  ...containerScenarios,
  ...imageScenarios,
  ...mountScenarios,
];

/** A row for each scenario, with what is compared in it, and the exceptions below. */
export function scenarioTable(): string {
  const scenarios = [...plainScenarios, ...restartScenarios];
  const exceptions = scenarios.flatMap(({ exception }) => exception ?? []);
  const row = ({ name, tells, exception }: Scenario): string => {
    const cells = comparedFields.map((field) => {
      if (exception?.fields.includes(field) === true) return `[${exceptions.indexOf(exception) + 1}]`;
      return tells.includes(field) ? "=" : "";
    });
    return `| ${name} | ${cells.join(" | ")} |`;
  };
  return [
    `| Scenario | ${comparedFields.join(" | ")} |`,
    `|-|${comparedFields.map(() => "-|").join("")}`,
    ...scenarios.map(row),
    "",
    ...exceptions.map(({ why }, index) => `- [${index + 1}] ${why}.`),
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(crictlPage, replaceBlock(readFileSync(crictlPage, "utf8"), "scenarios", scenarioTable()));
}
