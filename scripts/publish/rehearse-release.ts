import { cp, mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./command.ts";
import type { Tarball } from "./packages.ts";
import { publishedPackages } from "./packages.ts";

/**
 * What a release does, in a copy: `changeset version`, which must give each published package one and the same new version
 * and a change log. Returns that version.
 */
export async function rehearseVersions(root: string, folder: string): Promise<string> {
  const listed = await run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  const wanted = /^\.changeset\/|(^|\/)package\.json$|^pnpm-workspace\.yaml$|^pnpm-lock\.yaml$/;
  for (const path of listed.split("\0").filter((one) => wanted.test(one))) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await cp(join(root, path), join(folder, path));
  }
  const git = (...args: string[]): Promise<string> =>
    run(["git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost", ...args], { cwd: folder });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "as it is");
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await run(["changeset", "status"], { cwd: folder });
  await run(["changeset", "version"], { cwd: folder });
  const versions = new Set<string>();
  for (const { folder: path, name } of await publishedPackages(folder)) {
    const { version } = JSON.parse(await readFile(join(folder, path, "package.json"), "utf8")) as { version: string };
    versions.add(version);
    const changes = await readFile(join(folder, path, "CHANGELOG.md"), "utf8");
    if (!changes.includes(`## ${version}`)) throw new Error(`${name}: its change log does not have ${version}`);
  }
  const [version = "", ...others] = versions;
  if (others.length > 0) throw new Error(`changeset version gives the versions ${[...versions].join(", ")}, want one`);
  return version;
}

/** `npm publish --dry-run`: npm reads the tarball, and sends nothing. */
export async function rehearsePublish({ file, name }: Tarball): Promise<void> {
  const printed = await run(["npm", "publish", "--dry-run", "--json", "--access", "public", file]);
  if (!printed.includes(`"${name}"`)) throw new Error(`npm publish --dry-run of ${name} printed:\n${printed}`);
}
