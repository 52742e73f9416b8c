import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";

/**
 * The executable of a plugin: a regular file in one of the folders. The type has been checked when its configuration was
 * read; it holds no `/`.
 * @throws FAILED_PRECONDITION when it is in none
 */
export function findPlugin(type: string, binDirs: readonly string[]): string {
  if (!/^[A-Za-z0-9._-]+$/.test(type) || type === "." || type === "..") {
    throw failedPrecondition(`find CNI plugin: ${quote(type)} is not the name of a plugin`);
  }
  const path = binDirs.map((folder) => join(folder, type)).find(isExecutable);
  if (path !== undefined) return path;
  throw failedPrecondition(`find CNI plugin ${quote(type)}: not in ${binDirs.map((one) => quote(one)).join(", ")}`, {
    hint: "install the plugin there, or add its folder to bin_dirs in section [cni] of the configuration",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // whatever keeps us from executing it, the next folder may have one
  }
}
