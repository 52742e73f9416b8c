// The packages that are published, and their tarballs. They must have been built.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type?: string;
  readonly license?: string;
  readonly description?: string;
  readonly files?: readonly string[];
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
  readonly bin?: Readonly<Record<string, string>>;
}

export interface PublishedPackage {
  readonly name: string;
  /** From the root: `packages/cri-api`. */
  readonly folder: string;
}

export interface Tarball extends PublishedPackage {
  /** Its path. */
  readonly file: string;
  /** As it stands in the tarball. */
  readonly manifest: Manifest;
}

/** All members of the workspace that are not private. */
export async function publishedPackages(root: string): Promise<readonly PublishedPackage[]> {
  const found: PublishedPackage[] = [];
  for (const parent of ["packages", "apps"]) {
    for (const name of (await readdir(join(root, parent))).sort()) {
      const folder = `${parent}/${name}`;
      const manifest = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8")) as Manifest;
      if (manifest.private !== true) found.push({ name: manifest.name, folder });
    }
  }
  return found;
}

/** Packs a package as it would be published. */
export async function pack(root: string, one: PublishedPackage, into: string): Promise<Tarball> {
  const printed = await run(["pnpm", "pack", "--json", "--pack-destination", into], { cwd: join(root, one.folder) });
  const { filename } = JSON.parse(printed) as { filename: string };
  const manifest = JSON.parse(await run(["tar", "-xOzf", filename, "package/package.json"])) as Manifest;
  return { ...one, file: filename, manifest };
}

export async function packAll(root: string, into: string): Promise<readonly Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const one of await publishedPackages(root)) tarballs.push(await pack(root, one, into));
  return tarballs;
}
