import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tarballFaults } from "./check-tarball.ts";
import { run } from "./command.ts";
import type { Manifest } from "./packages.ts";

const good: Manifest = {
  name: "@keelson/example",
  version: "1.0.0",
  description: "An example",
  license: "Apache-2.0",
  type: "module",
  sideEffects: false,
  engines: { node: ">=22" },
  files: ["dist"],
  dependencies: { commander: "15.1.0" },
};
const files = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-tarball-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function faults(manifest: Manifest, paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    await mkdir(dirname(join(folder, "package", path)), { recursive: true });
    await writeFile(join(folder, "package", path), "");
  }
  const file = join(folder, "example.tgz");
  await run(["tar", "-czf", file, "-C", folder, ...paths.map((path) => `package/${path}`)]);
  return await tarballFaults({ name: manifest.name, folder: "packages/example", file, manifest });
}

test("a tarball as it should be has no faults", async () => {
  expect(await faults(good, files)).toEqual([]);
});

test("what is missing and what does not belong is named", async () => {
  const paths = ["README.md", "package.json", "dist/index.js", "dist/addon.node", "dist/index.ts", "src/index.js"];
  expect(await faults(good, paths)).toEqual([
    "lacks package/LICENSE",
    "has dist/addon.node, dist/index.ts, src/index.js",
  ]);
});

test.each<[string, Partial<Manifest>]>([
  ["depends on @keelson/cri-api as workspace:*", { dependencies: { "@keelson/cri-api": "workspace:*" } }],
  ["depends on zod as catalog:", { dependencies: { zod: "catalog:" } }],
  ["runs a script at postinstall", { scripts: { build: "tsdown", postinstall: "node x.js" } }],
  ["is not an ES module", { type: "commonjs" }],
  ["has the licence MIT", { license: "MIT" }],
])("a manifest is told: %s", async (fault, change) => {
  expect(await faults({ ...good, ...change }, files)).toEqual([fault]);
});
