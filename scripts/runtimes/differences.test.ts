import { expect, test } from "vitest";
import { differences } from "./differences.ts";
import type { SuiteRun } from "./suite-run.ts";
import { suiteTable, supportTable } from "./support-table.ts";

function runOf(name: string, tests: readonly string[], failed: readonly string[] = []): SuiteRun {
  return {
    runtime: { name, version: "1.2.3", run: [], vitest: [] },
    tests: tests.map((test) => ({
      name: test,
      suite: test.split(" > ")[0] ?? "",
      status: failed.includes(test) ? "failed" : "passed",
      failure: undefined,
    })),
    failure: undefined,
    abilities: new Map([["sockets", name !== "Deno"]]),
    seconds: 1,
  };
}

test("runs with the same tests differ in nothing", () => {
  expect(differences([runOf("Node 24", ["a > 1", "a > 2"]), runOf("Bun", ["a > 2", "a > 1"], ["a > 1"])])).toEqual([]);
});

test("a test that one runtime lacks or has alone, one that is there twice, and a run of none are told", () => {
  expect(differences([runOf("Node 24", ["a > 1", "a > 2"]), runOf("Bun", ["a > 1", "b > 3"])])).toEqual([
    'Bun lacks "a > 2"',
    'Node 24 lacks "b > 3"',
  ]);
  expect(differences([runOf("Node 24", ["a > 1", "a > 1"])])).toEqual(['Node 24: two tests are called "a > 1"']);
  expect(differences([runOf("Node 24", [])])).toEqual(["Node 24: no test ran"]);
});

test("the tables say what passed and what a runtime can", () => {
  const runs = [runOf("Node 24", ["a > 1", "b > 2"]), runOf("Deno", ["a > 1", "b > 2"], ["b > 2"])];
  expect(supportTable(runs)).toBe(
    [
      "| Runs on | tests passed | sockets |",
      "|-|-|-|",
      "| Node 1.2.3 | 2 of 2 | yes |",
      "| Deno 1.2.3 | 1 of 2 | no |",
    ].join("\n"),
  );
  expect(suiteTable(runs)).toBe(
    [
      "| tests passed | Node 1.2.3 | Deno 1.2.3 |",
      "|-|-|-|",
      "| a | 1 of 1 | 1 of 1 |",
      "| b | 1 of 1 | 0 of 1 |",
      "| **all** | 2 of 2 | 1 of 2 |",
      "| sockets | yes | no |",
    ].join("\n"),
  );
});
