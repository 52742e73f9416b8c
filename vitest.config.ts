import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "scripts", "bench"],
    reporters: ["default", "./scripts/reporter.ts"],
    passWithNoTests: false,
  },
});
