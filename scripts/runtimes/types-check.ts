import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { end } from "../publish/command.ts";
import { makeConsumer, withDependencies } from "../publish/consumer.ts";
import type { Tarball } from "../publish/packages.ts";
import { readmeExample } from "../readme-example.ts";

/** One way to compile against the tarballs. */
export interface TypesResult {
  /** `TypeScript 5.7.3, bundler, types of Node` */
  readonly name: string;
  readonly failure: string | undefined;
}

export interface TypesCheckOptions {
  readonly root: string;
  /** An empty folder outside the workspace. */
  readonly folder: string;
  readonly tarballs: readonly Tarball[];
}

/** What a project of a user may have, and what it can compile then. */
interface Environment {
  readonly name: string;
  readonly lib: readonly string[];
  readonly types: readonly string[];
  readonly files: readonly string[];
}

const client = ["cri-api.ts", "all-of-cri-api.ts", "cri-client.ts", "all-of-cri-client.ts"];
const environments: readonly Environment[] = [
  { name: "types of Node", lib: ["es2022"], types: ["node"], files: client },
  // what the probe takes and gives is Connect's
  { name: "types of Node and DOM", lib: ["es2022", "dom"], types: ["node"], files: [...client, "probe.ts"] },
  { name: "DOM", lib: ["es2022", "dom", "esnext.disposable"], types: [], files: [...client, "probe.ts"] },
  {
    name: "neither Node's types nor DOM",
    lib: ["es2022"],
    types: [],
    files: ["cri-api.ts", "all-of-cri-api.ts", "console.d.ts"],
  },
];

/**
 * Compiles the READMEs' examples in an empty project with the oldest TypeScript that is supported and with ours, every
 * declaration file included.
 */
export async function checkTypes({ root, folder, tarballs }: TypesCheckOptions): Promise<readonly TypesResult[]> {
  const { devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  await makeConsumer({
    folder,
    tarballs: withDependencies(["@keelson/cri-client"], tarballs),
    dependencies: { "@types/node": devDependencies["@types/node"] ?? "" },
  });
  for (const name of ["cri-api", "cri-client"]) {
    const readme = await readFile(join(root, "packages", name, "README.md"), "utf8");
    await writeFile(join(folder, `${name}.ts`), readmeExample(readme));
  }
  const entries = (name: string): readonly string[] => {
    const exported = tarballs.find((one) => one.name === name)?.manifest.exports ?? {};
    return Object.keys(exported).map((path) => name + path.slice(1));
  };
  const importAll = (specifiers: readonly string[]): string =>
    specifiers.map((specifier, index) => `export * as entry${index} from "${specifier}";\n`).join("");
  const probe = "@keelson/cri-client/probe";
  await writeFile(join(folder, "all-of-cri-api.ts"), importAll(entries("@keelson/cri-api")));
  const ofClient = entries("@keelson/cri-client").filter((specifier) => specifier !== probe);
  await writeFile(join(folder, "all-of-cri-client.ts"), importAll(ofClient));
  await writeFile(join(folder, "probe.ts"), importAll([probe]));
  await writeFile(join(folder, "console.d.ts"), "declare const console: { log(...what: unknown[]): void };\n");
  const compilers = ["runtime-tests/node_modules/typescript", "node_modules/typescript"].map((path) =>
    join(root, path),
  );
  const results: TypesResult[] = [];
  for (const compiler of compilers) {
    const { version } = JSON.parse(await readFile(join(compiler, "package.json"), "utf8")) as { version: string };
    for (const resolution of ["nodenext", "bundler"]) {
      for (const environment of environments) {
        const file = join(folder, "tsconfig.json");
        await writeFile(file, JSON.stringify(tsconfig(resolution, environment)));
        const { code, stdout, stderr } = await end([process.execPath, join(compiler, "bin/tsc"), "-p", file], {
          cwd: folder,
        });
        const name = `TypeScript ${version}, ${resolution}, ${environment.name}`;
        results.push({ name, failure: code === 0 ? undefined : `${stdout}${stderr}`.slice(0, 2000) });
      }
    }
  }
  return results;
}

function tsconfig(resolution: string, { lib, types, files }: Environment): object {
  const compilerOptions = {
    ...{
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    },
    ...{
      target: "es2022",
      module: resolution === "bundler" ? "esnext" : "nodenext",
      moduleResolution: resolution,
      lib,
      types,
    },
  };
  return { compilerOptions, files };
}
