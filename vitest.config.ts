import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "examples/*", "scripts", "bench"],
    // beside each other also on two cores, where vitest would take one
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ["default", "./scripts/reporter.ts"],
    passWithNoTests: false,
  },
});
