import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { end } from "../publish/command.ts";
import { bundleCoreTests } from "./core-bundle.ts";

/** The core's own tests in Deno without any permission. */
export interface CoreRun {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What was printed of tests that failed, and what keeps the run from proving anything. */
  readonly failures: readonly string[];
  readonly skippedTests: readonly string[];
  readonly files: number;
  readonly seconds: number;
}

const nothing: CoreRun = {
  ...{ passed: 0, failed: 0, skipped: 0, files: 0, seconds: 0 },
  failures: [],
  skippedTests: [],
};

/** @param deno the program, @param folder an empty one */
export async function runCoreInDeno(root: string, deno: string, folder: string): Promise<CoreRun> {
  const before = performance.now();
  const bundle = join(folder, "core.js");
  const seconds = (): number => (performance.now() - before) / 1000;
  let files: readonly string[];
  try {
    files = await bundleCoreTests(root, bundle);
  } catch (error) {
    return { ...nothing, failed: 1, failures: [String(error)], seconds: seconds() };
  }
  const { code, stdout, stderr, asked } = await runWithoutPermissions(deno, bundle, folder);
  const count = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  const failed = count(/^\d+ passed, (\d+) failed, \d+ skipped$/m);
  const failures = [
    ...stdout.split(/^(?=(?:not )?ok |1\.\.)/m).filter((block) => block.startsWith("not ok ")),
    ...asked.map((what) => `it asked for a permission: ${what}`),
    ...(code === 0 || failed > 0 ? [] : [`exit code ${code}\n${stdout}${stderr}`.slice(0, 4096)]),
    ...((await seesWhatIsAsked(deno, folder)) ? [] : ["Deno does not tell which permissions a program has asked for"]),
  ];
  return {
    passed: count(/^(\d+) passed, \d+ failed, \d+ skipped$/m),
    failed: failures.length,
    skipped: count(/^\d+ passed, \d+ failed, (\d+) skipped$/m),
    failures,
    skippedTests: stdout.split("\n").filter((line) => line.endsWith(" # SKIP")),
    files: files.length,
    seconds: seconds(),
  };
}

/** A program that asks and doesn't mind the refusal: the watch that the run relies on has to see it. */
async function seesWhatIsAsked(deno: string, folder: string): Promise<boolean> {
  const program = join(folder, "asks.js");
  await writeFile(program, 'try { Deno.readTextFileSync("/etc/hostname"); } catch {}\n');
  const { code, asked } = await runWithoutPermissions(deno, program, folder);
  return code === 0 && asked.length === 1;
}

/** Three times what they take on a busy machine. */
const timeoutMs = 600_000;

async function runWithoutPermissions(deno: string, program: string, folder: string) {
  const audit = `${program}.audit`;
  const flags = ["--no-prompt", "--no-remote", "--no-npm", "--cached-only", "--no-config", "--no-lock"];
  const ended = await end([deno, "run", ...flags, program], {
    cwd: folder,
    timeoutMs,
    env: {
      DENO_AUDIT_PERMISSIONS: audit,
      ...{ DENO_DIR: join(folder, "cache"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    },
  });
  return { ...ended, asked: await readAudit(audit) };
}

/** A line for each permission that was asked for, granted or not. */
async function readAudit(file: string): Promise<readonly string[]> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
    return [...new Set(lines.map(permissionOf))];
  } catch (error) {
    // Deno makes it with its first line
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function permissionOf(line: string): string {
  const { permission, value } = JSON.parse(line) as { permission: string; value?: unknown };
  return `${permission} ${JSON.stringify(value)}`;
}
