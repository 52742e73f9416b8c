// An OCI runtime for a handler of its own: the one of the node, which leaves a mark in each container.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findProgram } from "../../../packages/linux-engine/src/sys/find-program.ts";

/** The variable that containers of the handler have, with its name. */
export const handlerVariable = "CONFORMANCE_HANDLER";

export interface MarkedRuntime {
  readonly path: string;
  close(): Promise<void>;
}

/** Writes the program. `runc` first: `crun` refuses more kinds of nodes. */
export async function makeMarkedRuntime(handler: string): Promise<MarkedRuntime> {
  const names = [process.env.KEELSON_TEST_OCI_RUNTIME ?? "runc", "runc", "crun"];
  const real = names.map((name) => findProgram(name)).find((path) => path !== undefined);
  if (real === undefined) throw new Error(`none of ${names.join(", ")} is there`);
  const folder = await mkdtemp(join(tmpdir(), "keelson-marked-"));
  const path = join(folder, "oci-runtime");
  const script = [
    "#!/bin/sh",
    "previous=",
    'for word in "$@"; do',
    "  case $previous in --bundle|-b) bundle=$word;; esac",
    "  case $word in create) creates=1;; esac",
    "  previous=$word",
    "done",
    `if [ -n "$creates" ]; then sed -i 's/"env":\\[/&"${handlerVariable}=${handler}",/' "$bundle/config.json"; fi`,
    `exec ${real} "$@"`,
    "",
  ];
  await writeFile(path, script.join("\n"));
  await chmod(path, 0o755);
  return { path, close: () => rm(folder, { recursive: true, force: true }) };
}
