// Runs test files that are modules of the same bundle, by vitest's own runner, and tells of them in TAP 13. Needs JavaScript,
// timers and `console`: no file, no socket, no process, no environment.
import "./worker-state.ts";
import { setSafeTimers, startTests } from "vitest/internal/browser";
import type { VitestRunner } from "vitest/runtime";

export type TestFiles = Readonly<Record<string, () => Promise<unknown>>>;

/** A file, a suite or a test. */
type Task = Awaited<ReturnType<typeof startTests>>[number] | TestTask;
interface TestTask {
  readonly type: "test" | "suite";
  readonly name: string;
  readonly tasks?: readonly Task[];
  readonly result?: { readonly state: string; readonly errors?: readonly { message: string; stack?: string }[] };
}

const config = {
  root: "",
  name: "",
  setupFiles: [],
  sequence: { shuffle: false, concurrent: false, hooks: "stack", setupFiles: "list" },
  testTimeout: 20_000,
  hookTimeout: 20_000,
  maxConcurrency: 5,
  retry: 0,
  tags: [],
  allowOnly: false,
};

/** @throws when a test failed, which ends the program with an exit code */
export async function runTests(files: TestFiles): Promise<void> {
  setSafeTimers();
  const runner: Pick<VitestRunner, "importFile"> = {
    importFile: async (path) => {
      await files[path]?.();
    },
  };
  const ran = await startTests(Object.keys(files), Object.assign(runner, { config }) as unknown as VitestRunner);

  const count = { passed: 0, failed: 0, skipped: 0 };
  let index = 0;
  const tell = (task: Task, above: readonly string[]): void => {
    const path = [...above, task.name];
    const errors = (task.result?.errors ?? []).map(({ message, stack }) => (stack ?? message).replaceAll(/^/gm, "  "));
    if (task.type === "test") {
      const passed = task.result?.state === "pass";
      const skipped = task.result === undefined || task.result.state === "skip";
      count[passed ? "passed" : skipped ? "skipped" : "failed"] += 1;
      index += 1;
      console.log(`${passed || skipped ? "ok" : "not ok"} ${index} - ${path.join(" > ")}${skipped ? " # SKIP" : ""}`);
    } else if (errors.length > 0 || task.tasks?.length === 0) {
      // a file that did not load, a hook that failed, a file without tests
      count.failed += 1;
      index += 1;
      console.log(`not ok ${index} - ${path.join(" > ")}`);
    }
    for (const error of errors) console.log(error);
    for (const below of (task as TestTask).tasks ?? []) tell(below, path);
  };
  console.log("TAP version 13");
  for (const file of ran) tell(file, []);
  console.log(`1..${index}`);
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  if (count.failed > 0 || count.passed === 0) throw new Error("tests failed");
}
