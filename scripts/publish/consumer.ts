import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";
import type { Tarball } from "./packages.ts";

export interface ConsumerOptions {
  /** An empty folder outside the workspace. */
  readonly folder: string;
  readonly tarballs: readonly Tarball[];
  /** What else it depends on: name → version. */
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** A project of somebody who installs our packages: npm, an empty folder, the tarballs. */
export async function makeConsumer({ folder, tarballs, dependencies = {} }: ConsumerOptions): Promise<void> {
  const files = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]));
  const manifest = { name: "consumer", private: true, type: "module", dependencies: { ...dependencies, ...files } };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest, undefined, 2));
  await run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], { cwd: folder });
}

/** The tarballs of these packages and of all of ours that they need. */
export function withDependencies(names: readonly string[], all: readonly Tarball[]): readonly Tarball[] {
  const wanted = new Set(names);
  for (const name of wanted) {
    const tarball = all.find((one) => one.name === name);
    for (const dependency of Object.keys(tarball?.manifest.dependencies ?? {})) {
      if (all.some((one) => one.name === dependency)) wanted.add(dependency);
    }
  }
  return all.filter(({ name }) => wanted.has(name));
}
