import { accessSync, constants } from "node:fs";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";

/** Where a program given by its bare name is looked for. Never the caller's PATH: a root daemon's tools are the system's. */
export const programFolders: readonly string[] = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** The path of an executable in the system's folders; undefined when it is in none. */
export function findProgram(name: string, folders: readonly string[] = programFolders): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find(isExecutable);
}

/**
 * What to execute for `argv[0]`: an absolute path as it is, a bare name from {@link programFolders}.
 * @throws FAILED_PRECONDITION when it is in none, INVALID_ARGUMENT for a relative path
 */
export function resolveProgram(program: string): string {
  if (program.startsWith("/")) return program;
  if (program === "" || program.includes("/")) {
    throw invalidArgument(`start ${quote(program)}: not an absolute path and not a bare name`);
  }
  const path = findProgram(program);
  if (path !== undefined) return path;
  throw failedPrecondition(`start ${quote(program)}: not found in ${programFolders.join(":")}`, {
    hint: `install the package that has ${program}, or give its absolute path`,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // whatever keeps us from executing it, the next folder may have one
  }
}
