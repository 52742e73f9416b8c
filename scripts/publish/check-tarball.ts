import { run } from "./command.ts";
import type { Tarball } from "./packages.ts";

/** What is wrong with a tarball as npm will publish it: one sentence each. */
export async function tarballFaults({ file, manifest }: Tarball): Promise<readonly string[]> {
  const faults: string[] = [];
  const paths = (await run(["tar", "-tzf", file])).trimEnd().split("\n");
  for (const wanted of ["package/LICENSE", "package/README.md", "package/package.json"]) {
    if (!paths.includes(wanted)) faults.push(`lacks ${wanted}`);
  }
  const own = /^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;
  const folders = (manifest.files ?? []).map((folder) => `${folder}/`);
  const strange = paths
    .map((path) => path.replace(/^package\//, ""))
    .filter((path) => !own.test(path))
    .filter((path) => !folders.some((folder) => path.startsWith(folder)) || !/\.(js|d\.ts|json|md)$/.test(path));
  if (strange.length > 0) faults.push(`has ${strange.join(", ")}`);
  return [...faults, ...manifestFaults(manifest)];
}

function manifestFaults(manifest: Tarball["manifest"]): readonly string[] {
  const faults: string[] = [];
  const { type, license, description, sideEffects, engines, scripts = {} } = manifest;
  if (type !== "module") faults.push("is not an ES module");
  if (license !== "Apache-2.0") faults.push(`has the licence ${license}`);
  if (description === undefined || description === "") faults.push("has no description");
  if (sideEffects !== false) faults.push("does not say that it has no side effects, so nothing of it can be left out");
  if (engines?.node === undefined) faults.push("does not say which Node it needs");
  for (const name of ["preinstall", "install", "postinstall", "prepare"]) {
    if (name in scripts) faults.push(`runs a script at ${name}`);
  }
  for (const [name, version] of Object.entries(manifest.dependencies ?? {})) {
    if (/^(workspace|catalog|link|file):/.test(version)) faults.push(`depends on ${name} as ${version}`);
  }
  return faults;
}
