import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const repository = join(import.meta.dirname, "../../..");

describe("the start of keelsond", () => {
  let folder: string;
  let marker: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-start-"));
    marker = join(folder, "marker");
    const trap = `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(marker)}, "loaded");`;
    // what a search for modules or settings would find before ours
    for (const name of ["trap.mjs", "node_modules/pino/index.js", "node_modules/@keelson/runtime-core/index.js"]) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, trap);
      if (name.endsWith("index.js")) {
        writeFileSync(join(dirname(file), "package.json"), '{"type":"module","exports":"./index.js"}');
      }
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("T11.12 T12.06: loads nothing that its environment or folder names", async () => {
    const trap = join(folder, "trap.mjs");
    const run = promisify(execFile);
    const env = {
      PATH: process.env.PATH,
      NODE_OPTIONS: `--import=${trap}`,
      NODE_PATH: join(folder, "node_modules"),
      NODE_EXTRA_CA_CERTS: trap,
      NODE_V8_COVERAGE: join(folder, "coverage"),
      UV_THREADPOOL_SIZE: "0",
      LD_LIBRARY_PATH: folder,
    };
    // they would be loaded
    await run(process.execPath, ["-e", ""], { cwd: folder, env });
    expect(readFileSync(marker, "utf8")).toBe("loaded");
    rmSync(marker);
    rmSync(join(folder, "coverage"), { recursive: true });
    const { stdout, stderr } = await run(join(repository, "bin/keelsond"), ["--help"], { cwd: folder, env });
    expect([stdout.slice(0, 15), stderr]).toEqual(["usage: keelsond", ""]);
    expect([existsSync(marker), existsSync(join(folder, "coverage"))]).toEqual([false, false]);
  });

  test("T12.06: every package is locked by its content, and none runs a script when it is installed", () => {
    const lock = readFileSync(join(repository, "pnpm-lock.yaml"), "utf8");
    const packages = lock.slice(lock.indexOf("\npackages:"), lock.indexOf("\nsnapshots:"));
    const resolutions = packages.match(/^ {4}resolution: .*$/gm) ?? [];
    expect(resolutions.length).toBeGreaterThan(100);
    expect(resolutions.filter((line) => !/^ {4}resolution: \{integrity: sha512-[\w+/=]{88}\}$/.test(line))).toEqual([]);
    const workspace = readFileSync(join(repository, "pnpm-workspace.yaml"), "utf8");
    const builds = workspace.slice(workspace.indexOf("allowBuilds:\n") + "allowBuilds:\n".length).split("\n");
    expect(builds.filter((line) => line.startsWith(" ") && !line.endsWith(": false"))).toEqual([]);
    expect(readFileSync(join(repository, "scripts/up"), "utf8")).toContain("install --frozen-lockfile");
  });
});
