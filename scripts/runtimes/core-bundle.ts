import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rolldown } from "tsdown";

const entry = "\0core-tests";
const testCode = /\/packages\/runtime-core\/(?:test\/|src\/.*\.test\.ts$)/;

/**
 * Puts the core, its engine in memory, all that they need, all of their tests and vitest's runner into one file. Only tests
 * may use what Node has: nothing else in the file imports anything.
 * @returns the names of the test files
 * @throws when something other than a test imports what is not there in any JavaScript
 */
export async function bundleCoreTests(root: string, file: string): Promise<readonly string[]> {
  const core = join(root, "packages/runtime-core");
  const here = join(root, "runtime-tests/core");
  const names = (await readdir(core, { recursive: true }))
    .filter((name) => /^(?:src|test)\/.*\.test\.ts$/.test(name))
    .sort();
  const files = names.map((name) => `${JSON.stringify(name)}: () => import(${JSON.stringify(join(core, name))}),`);
  // vitest as it is in a browser; the tests' own imports of it must be the same
  const vitest = new Map(
    ["vitest", "vitest/internal/browser"].map((name) => [name, fileURLToPath(import.meta.resolve(name))]),
  );
  const bundle = await Rolldown.rolldown({
    cwd: root,
    input: entry,
    platform: "neutral",
    resolve: { mainFields: ["module", "main"] },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`bundle the core: ${log.message}`);
    },
    plugins: [
      {
        name: "core-tests",
        resolveId: (id, importer = "") => {
          if (id === entry) return id;
          if (!id.startsWith("node:") || !testCode.test(importer)) return vitest.get(id);
          return id === "node:process" ? join(here, "process.ts") : { id, external: true };
        },
        // a test may ask what it was told to do; here it was told nothing
        transform: (code, id) => (testCode.test(id) ? code.replaceAll(/\bprocess\.env\b/g, "({})") : undefined),
        load: (id) =>
          id === entry
            ? [
                `import { runTests } from ${JSON.stringify(join(here, "run-tests.ts"))};`,
                `await runTests({ ${files.join("\n")} });`,
              ].join("\n")
            : undefined,
      },
    ],
  });
  const { output } = await bundle.write({ file, format: "esm", codeSplitting: false });
  await bundle.close();
  if (output.length !== 1) throw new Error(`bundle the core: want one file, got ${output.length}`);
  return names;
}
