import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { end } from "../publish/command.ts";
import type { Runtime } from "./runtimes.ts";

/** One test as it went on one runtime. */
export interface TestResult {
  /** `negotiation > a garbage is no runtime` */
  readonly name: string;
  /** The suite that it belongs to: `negotiation`. */
  readonly suite: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly failure: string | undefined;
}

export interface SuiteRun {
  readonly runtime: Runtime;
  readonly tests: readonly TestResult[];
  /** What failed beside the tests: a file that did not load, an error that nobody caught. */
  readonly failure: string | undefined;
  /** What the runtime can and can't, as tests have found it. */
  readonly abilities: ReadonlyMap<string, boolean>;
  readonly seconds: number;
}

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
      readonly meta?: { readonly ability?: { readonly name: string; readonly has: boolean } };
    }[];
  }[];
}

/** Runs the suite of a project on a runtime. */
export async function runSuite(runtime: Runtime, project: string, filters: readonly string[]): Promise<SuiteRun> {
  const home = join(project, `.${runtime.name.replace(" ", "-").toLowerCase()}`);
  await mkdir(home);
  const report = join(home, "report.json");
  const before = performance.now();
  const { code, stdout, stderr } = await end(
    [
      ...runtime.run,
      join(project, "node_modules/vitest/vitest.mjs"),
      "run",
      ...["--root", project, "--dir", "suite", "--testTimeout=20000", "--hookTimeout=20000"],
      ...["--reporter=json", `--outputFile.json=${report}`],
      ...runtime.vitest,
      ...filters,
    ],
    {
      cwd: project,
      env: {
        KEELSON_PEER_NODE: process.execPath,
        // what they keep goes with the project
        TMPDIR: home,
        ...{ DENO_DIR: join(home, "cache"), BUN_INSTALL: home, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
        ...{ DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1", NO_COLOR: "1" },
      },
      timeoutMs: 300_000,
    },
  );
  const seconds = (performance.now() - before) / 1000;
  const read = await readReport(report);
  const tests = read?.testResults.flatMap((file) =>
    file.assertionResults.map(({ ancestorTitles, title, status, failureMessages }): TestResult => {
      const known = status === "passed" || status === "failed" ? status : "skipped";
      return {
        name: [...ancestorTitles, title].join(" > "),
        suite: ancestorTitles[0] ?? "",
        status: known,
        failure: failureMessages?.join("\n") || undefined,
      };
    }),
  );
  const failed = tests?.some(({ status }) => status === "failed") ?? false;
  const broken = (read?.testResults ?? []).filter(({ assertionResults }) => assertionResults.length === 0);
  return {
    runtime,
    tests: tests ?? [],
    failure:
      broken.length > 0
        ? broken.map(({ name, message }) => `${name}: ${message}`).join("\n")
        : code !== 0 && !failed
          ? `exit code ${code}\n${stdout}${stderr}`.slice(0, 4096)
          : undefined,
    abilities: new Map(
      (read?.testResults ?? [])
        .flatMap(({ assertionResults }) => assertionResults)
        .flatMap(({ meta }) => (meta?.ability === undefined ? [] : [[meta.ability.name, meta.ability.has] as const])),
    ),
    seconds,
  };
}

async function readReport(file: string): Promise<JsonReport | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as JsonReport;
  } catch (error) {
    // vitest writes none when it could not start: its exit code and output tell
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
