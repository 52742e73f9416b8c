// All scenarios, and the table of them in docs/reference/crictl.md.
import { containerScenarios } from "./container-scenarios.ts";
import { imageScenarios } from "./image-scenarios.ts";
import { mountScenarios } from "./mount-scenarios.ts";
import { restartScenarios } from "./restart-scenarios.ts";
import { sandboxScenarios } from "./sandbox-scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { comparedFields } from "./told.ts";

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
