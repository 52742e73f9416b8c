// The last line of a test run is `N passed, N failed, N skipped`, alone. A file that fails to load counts as failed, and
// so do the errors of a suite whose hooks failed (its tests count as skipped).
import type { Reporter, TestModule } from "vitest/node";

export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      count.failed += [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0).length;
    }
    process.once("exit", () =>
      process.stdout.write(
        `${count.passed} passed, ${count.failed + count.pending} failed, ${count.skipped} skipped\n`,
      ),
    );
  }
}
