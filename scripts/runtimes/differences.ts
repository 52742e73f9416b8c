import type { SuiteRun } from "./suite-run.ts";

/** What keeps the runs from being one suite: tests that ran here and not there. One sentence each. */
export function differences(runs: readonly SuiteRun[]): readonly string[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  const found: string[] = [];
  for (const run of runs) {
    const names = run.tests.map(({ name }) => name);
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    for (const name of new Set(twice)) found.push(`${run.runtime.name}: two tests are called "${name}"`);
    if (names.length === 0) found.push(`${run.runtime.name}: no test ran`);
  }
  const wanted = new Set(first.tests.map(({ name }) => name));
  for (const run of others) {
    const names = new Set(run.tests.map(({ name }) => name));
    for (const name of wanted) if (!names.has(name)) found.push(`${run.runtime.name} lacks "${name}"`);
    for (const name of names) if (!wanted.has(name)) found.push(`${first.runtime.name} lacks "${name}"`);
  }
  return found;
}
