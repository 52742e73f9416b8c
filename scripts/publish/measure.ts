import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { build } from "tsdown";
import type { BudgetName } from "./budgets.ts";
import { run } from "./command.ts";
import { makeConsumer, withDependencies } from "./consumer.ts";
import type { Tarball } from "./packages.ts";

const kibi = 1024;

/** Installs, loads and bundles the packages in empty projects below `folder`. Times are the best of some runs. */
export async function measure(tarballs: readonly Tarball[], folder: string): Promise<ReadonlyMap<BudgetName, number>> {
  const project = async (name: string): Promise<string> => {
    const path = join(folder, name.replace(/^.*\//, ""));
    await makeConsumer({ folder: path, tarballs: withDependencies([name], tarballs) });
    return path;
  };
  const api = await project("@keelson/cri-api");
  const client = await project("@keelson/cri-client");
  const tarball = async (name: string): Promise<number> =>
    (await stat(tarballs.find((one) => one.name === name)?.file ?? "")).size / kibi;
  return new Map<BudgetName, number>([
    ["apiInstalled", (await installedBytes(api)) / kibi],
    ["apiPackages", await installedPackages(api)],
    ["clientInstalled", (await installedBytes(client)) / kibi],
    ["clientPackages", await installedPackages(client)],
    ["apiTarball", await tarball("@keelson/cri-api")],
    ["clientTarball", await tarball("@keelson/cri-client")],
    ["errorsImported", await importMs(client, "@keelson/cri-api/errors")],
    ["clientImported", await importMs(client, "@keelson/cri-client")],
    ["errorsBundled", (await bundledBytes(api, "errors", "isCriError")) / kibi],
    ["logsBundled", (await bundledBytes(api, "logs", "parseLogLine")) / kibi],
    ["messageBundled", (await bundledBytes(api, "v1", "VersionRequestSchema")) / kibi],
  ]);
}

async function installedBytes(project: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(join(project, "node_modules"), { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith(".node")) throw new Error(`install size: ${entry.name} is native code`);
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function installedPackages(project: string): Promise<number> {
  const lock = JSON.parse(await readFile(join(project, "package-lock.json"), "utf8")) as { packages: object };
  return Object.keys(lock.packages).filter((path) => path !== "").length;
}

async function importMs(project: string, specifier: string): Promise<number> {
  const code = `const before = performance.now(); await import("${specifier}"); console.log(performance.now() - before);`;
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 7; count++) {
    const printed = await run([process.execPath, "--input-type=module", "--eval", code], { cwd: project });
    best = Math.min(best, Number(printed));
  }
  return best;
}

/** What a bundler leaves of a program that uses one thing. */
async function bundledBytes(project: string, path: string, name: string): Promise<number> {
  const entry = join(project, `${path}.js`);
  await writeFile(entry, `import { ${name} } from "@keelson/cri-api/${path}";\nconsole.log(${name});\n`);
  const outDir = join(project, `bundle-${path}`);
  await build({
    ...{ config: false, cwd: project, entry: [entry], outDir, dts: false, minify: true, logLevel: "silent" },
    ...{ platform: "neutral", deps: { alwaysBundle: [/./], onlyBundle: false } },
  });
  let bytes = 0;
  for (const file of await readdir(outDir)) bytes += (await stat(join(outDir, file))).size;
  return bytes;
}
