import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Json } from "@keelson/runtime-core/ports";
import type { Process } from "../spec/index.ts";
import { isErrno } from "../sys/syscall-error.ts";

/** The `config.json` that was written at the container's create; undefined when it is gone (a reboot). */
export async function readBundleSpec(bundle: string): Promise<{ readonly [key: string]: Json } | undefined> {
  try {
    return JSON.parse(await readFile(join(bundle, "config.json"), "utf8")) as { readonly [key: string]: Json };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The container's process, whose user, environment and limits its commands have too. */
export async function readBundleProcess(bundle: string): Promise<Process> {
  const spec = await readBundleSpec(bundle);
  if (spec?.process === undefined) throw new Error(`read bundle ${bundle}: it has no process`);
  return spec.process as unknown as Process;
}
