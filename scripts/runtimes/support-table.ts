import type { SuiteRun } from "./suite-run.ts";

const nameOf = ({ runtime }: SuiteRun): string => `${runtime.name.split(" ")[0]} ${runtime.version}`;

const passed = (run: SuiteRun, suite?: string): string => {
  const tests = run.tests.filter((test) => suite === undefined || test.suite === suite);
  return `${tests.filter(({ status }) => status === "passed").length} of ${tests.length}`;
};

const yesOrNo = (run: SuiteRun, ability: string): string => {
  const has = run.abilities.get(ability);
  return has === undefined ? "" : has ? "yes" : "no";
};

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const ruler = (columns: number): string => `|${"-|".repeat(columns)}`;
const abilitiesOf = (runs: readonly SuiteRun[]): readonly string[] =>
  [...new Set(runs.flatMap(({ abilities }) => [...abilities.keys()]))].sort();

/** The table of a README: a line for each runtime. */
export function supportTable(runs: readonly SuiteRun[]): string {
  const abilities = abilitiesOf(runs);
  return [
    row(["Runs on", "tests passed", ...abilities]),
    ruler(abilities.length + 2),
    ...runs.map((run) => row([nameOf(run), passed(run), ...abilities.map((ability) => yesOrNo(run, ability))])),
  ].join("\n");
}

/** The table of the documentation: a line for each part of the suite. */
export function suiteTable(runs: readonly SuiteRun[]): string {
  const suites = [...new Set(runs.flatMap(({ tests }) => tests.map(({ suite }) => suite)))].sort();
  const line = (first: string, cell: (run: SuiteRun) => string): string => row([first, ...runs.map(cell)]);
  return [
    line("tests passed", nameOf),
    ruler(runs.length + 1),
    ...suites.map((suite) => line(suite, (run) => passed(run, suite))),
    line("**all**", (run) => passed(run)),
    ...abilitiesOf(runs).map((ability) => line(ability, (run) => yesOrNo(run, ability))),
  ].join("\n");
}
