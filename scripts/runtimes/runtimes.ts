import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

/** A JavaScript runtime that the tarballs are tested on. */
export interface Runtime {
  /** `Node 22` */
  readonly name: string;
  readonly version: string;
  /** The program and first arguments that run a file. */
  readonly run: readonly string[];
  /** What vitest needs there, after its own file. */
  readonly vitest: readonly string[];
}

interface Manifest {
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** The runtimes of `runtime-tests/package.json`, for this machine's processor. */
export async function installedRuntimes(folder: string): Promise<readonly Runtime[]> {
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
  const program = (dependency: string, file: string) => ({
    path: join(folder, "node_modules", dependency, file),
    version: (manifest.optionalDependencies[dependency] ?? "").replace(/^.*@/, ""),
  });
  const { arch } = process;
  const bun = program(`@oven/bun-linux-${arch === "arm64" ? "aarch64" : arch}`, "bin/bun");
  const deno = program(`@deno/linux-${arch}-glibc`, "deno");
  return [
    ...["22", "24", "26"].map((major): Runtime => {
      const node = program(`node${major}-linux-${arch}`, "bin/node");
      return { name: `Node ${major}`, version: node.version, run: [node.path], vitest: [] };
    }),
    // without --bun it would go on in Node; its child processes have no channel that vitest could use
    { name: "Bun", version: bun.version, run: [bun.path, "--bun"], vitest: ["--pool=threads"] },
    { name: "Deno", version: deno.version, run: [deno.path, "run", "-A", "--no-remote"], vitest: [] },
  ];
}
