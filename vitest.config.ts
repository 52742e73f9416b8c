import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "examples/*", "scripts", "bench"],
    reporters: ["default", "./scripts/reporter.ts"],
    passWithNoTests: false,
  },
});
