// The packed tarballs on every JavaScript runtime: one suite, the same tests; and the core's own tests, in one file, in Deno
// without any permission. Writes the tables of docs/ and READMEs.
//   run.ts [--only NAME[,NAME]] [FILTER…]      with --only or a filter types are not compiled and nothing is written;
//                                              --only core runs the core's tests alone
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { replaceBlock } from "../generated-block.ts";
import { endCommandsOnSignals } from "../publish/command.ts";
import { makeConsumer, withDependencies } from "../publish/consumer.ts";
import { packAll, type Tarball } from "../publish/packages.ts";
import { readmeExample } from "../readme-example.ts";
import { type CoreRun, runCoreInDeno } from "./core-run.ts";
import { differences } from "./differences.ts";
import { installedRuntimes } from "./runtimes.ts";
import { runSuite, type SuiteRun } from "./suite-run.ts";
import { suiteTable, supportTable } from "./support-table.ts";
import { checkTypes } from "./types-check.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const only = values.only?.split(",");
const partial = only !== undefined || positionals.length > 0;
const wants = (name: string): boolean => only === undefined || only.includes(name);

/** What the suite needs beside ours: what our tarballs need, in their versions. */
function peersNeed(tarballs: readonly Tarball[]): Record<string, string> {
  const { dependencies = {} } = tarballs.find(({ name }) => name === "@keelson/cri-client")?.manifest ?? {};
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => !name.startsWith("@keelson/")));
}

async function runAll(folder: string): Promise<boolean> {
  const runtimes = (await installedRuntimes(join(root, "runtime-tests"))).filter(({ name }) => wants(name));
  const none = { passed: 0, failed: 0, skipped: 0 };
  const core = wants("core") && positionals.length === 0 ? await runCore(join(folder, "core")) : none;
  if (runtimes.length === 0) {
    console.log(tally(core));
    return core.failed === 0;
  }
  const tarballs = await packAll(root, folder);
  const project = join(folder, "project");
  await makeConsumer({
    folder: project,
    tarballs: withDependencies(["@keelson/cri-client", "@keelson/fake-runtime", "@keelson/cli"], tarballs),
    dependencies: peersNeed(tarballs),
  });
  await cp(join(root, "runtime-tests/suite"), join(project, "suite"), { recursive: true });
  const example = readmeExample(await readFile(join(root, "packages/cri-client/README.md"), "utf8"));
  await writeFile(
    join(project, "suite/children/readme-example.ts"),
    example.replace(/"unix:[^"]*"/, "process.argv[2]"),
  );
  await symlink(
    dirname(fileURLToPath(import.meta.resolve("vitest/package.json"))),
    join(project, "node_modules/vitest"),
  );

  const runs: SuiteRun[] = [];
  for (const runtime of runtimes) {
    const run = await runSuite(runtime, project, positionals);
    runs.push(run);
    const failed = run.tests.filter(({ status }) => status !== "passed");
    for (const { name, status, failure } of failed)
      console.log(`${runtime.name}: ${status}: ${name}\n${failure ?? ""}`);
    if (run.failure !== undefined) console.log(`${runtime.name}: ${run.failure}`);
    console.log(`${runtime.name}: ${run.tests.length} tests in ${run.seconds.toFixed(1)} s`);
  }
  console.log(`\n${suiteTable(runs)}\n`);
  const different = differences(runs);
  for (const sentence of different) console.log(sentence);
  const types = partial ? [] : await checkTypes({ root, folder: join(folder, "types"), tarballs });
  for (const { name, failure } of types) console.log(`types: ${name}: ${failure ?? "ok"}`);

  const count = (status: string): number =>
    runs.flatMap(({ tests }) => tests).filter((test) => test.status === status).length;
  const typesFailed = types.filter(({ failure }) => failure !== undefined).length;
  const failed =
    count("failed") +
    different.length +
    runs.filter(({ failure }) => failure !== undefined).length +
    typesFailed +
    core.failed;
  const good = failed === 0 && count("skipped") === 0;
  if (good && !partial) await writeTables(runs);
  const passed = count("passed") + types.length - typesFailed + core.passed;
  console.log(tally({ passed, failed, skipped: count("skipped") + core.skipped }));
  return good;
}

const tally = ({ passed, failed, skipped }: Pick<CoreRun, "passed" | "failed" | "skipped">): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

async function runCore(folder: string): Promise<CoreRun> {
  const deno = (await installedRuntimes(join(root, "runtime-tests"))).find(({ name }) => name === "Deno")?.run[0] ?? "";
  await mkdir(folder);
  const core = await runCoreInDeno(root, deno, folder);
  for (const told of [...core.failures, ...core.skippedTests])
    console.log(`the core in Deno without permissions: ${told}`);
  const seconds = core.seconds.toFixed(1);
  console.log(`the core in Deno without permissions: ${tally(core)}, ${core.files} files in ${seconds} s`);
  return core;
}

async function writeTables(runs: readonly SuiteRun[]): Promise<void> {
  const pages: readonly (readonly [string, string])[] = [
    ["docs/reference/runtimes.md", suiteTable(runs)],
    ["packages/cri-api/README.md", supportTable(runs)],
    ["packages/cri-client/README.md", supportTable(runs)],
  ];
  for (const [path, table] of pages) {
    const file = join(root, path);
    await writeFile(file, replaceBlock(await readFile(file, "utf8"), "runtimes", table));
  }
}

endCommandsOnSignals();
const folder = await mkdtemp(join(tmpdir(), "keelson-tarballs-"));
try {
  if (!(await runAll(folder))) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}
