import { CriError } from "@keelson/cri-api/errors";
import { isErrno, SyscallError } from "../sys/syscall-error.ts";
import { quoteName, refusedLayer } from "./layer-error.ts";
import type { TarEntry } from "./tar-entry.ts";

/** What a failure at one entry means: its own fault, a full disk, or ours. */
export function entryError(entry: TarEntry, error: unknown): unknown {
  if (error instanceof CriError && !(error instanceof SyscallError)) return error;
  const named = `${entry.kind} ${quoteName(entry.path)}`;
  if (isErrno(error, "ENOSPC", "EDQUOT")) {
    return new CriError("RESOURCE_EXHAUSTED", `apply layer: no space left for ${named}`, {
      cause: error,
      hint: "free space or inodes on the file system of the image store",
    });
  }
  if (isErrno(error, "ENAMETOOLONG", "ENOTDIR", "EISDIR", "ELOOP", "EINVAL", "EMLINK", "EEXIST", "ENOENT")) {
    return refusedLayer(`${named} can't be made: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isErrno(error, "EOPNOTSUPP")) {
    return new CriError(
      "FAILED_PRECONDITION",
      `apply layer: the file system takes no extended attributes of ${named}`,
      {
        cause: error,
        hint: "put the image store on a file system with extended attributes, such as ext4 or xfs",
      },
    );
  }
  return new CriError(
    "INTERNAL",
    `apply layer: make ${named}: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
    },
  );
}
