import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { initProgram } from "../oci/init-program.ts";

/** The program's path in the root that the first processes of pods share. */
export const initProgramPath = "/init";

/**
 * Makes that root: the program, and the folders that something is mounted on. Below the engine's root, for programs may
 * not be executed from `/run` everywhere. What runs from an earlier one keeps its own.
 * @returns its path
 */
export async function makeInitRootfs(root: string): Promise<string> {
  const rootfs = join(root, "pod-init");
  for (const name of ["", "proc", "dev"]) await mkdir(join(rootfs, name), { recursive: true, mode: 0o755 });
  const fresh = join(rootfs, ".init");
  await writeFile(fresh, initProgram(process.arch));
  await chmod(fresh, 0o555);
  await rename(fresh, join(rootfs, initProgramPath));
  return rootfs;
}
