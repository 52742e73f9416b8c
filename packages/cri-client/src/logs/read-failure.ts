import { CriError, type CriErrorCode, type CriErrorOptions, isCriError, quote } from "@keelson/cri-api/errors";

const categories: Readonly<Record<string, readonly [CriErrorCode, string, string?]>> = {
  ENOENT: ["NOT_FOUND", "it is not there", "check the path; a container that never started has no log"],
  ENOTDIR: ["FAILED_PRECONDITION", "a part of the path is no folder"],
  EISDIR: ["FAILED_PRECONDITION", "it is no regular file"],
  ELOOP: ["FAILED_PRECONDITION", "its symbolic links go in a circle"],
  EACCES: ["PERMISSION_DENIED", "not permitted", "run as a user who may read the log"],
  EPERM: ["PERMISSION_DENIED", "not permitted", "run as a user who may read the log"],
  EMFILE: ["RESOURCE_EXHAUSTED", "too many files are open", "raise the limit of open files"],
  ENFILE: ["RESOURCE_EXHAUSTED", "too many files are open on this machine"],
};

/** What it means that a log can't be read: a category for what the system says, anything else as it is. */
export function readFailure(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (isCriError(error) || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const [category, why, hint] = categories[code] ?? (["INTERNAL", "the system failed"] as const);
  const options: CriErrorOptions = hint === undefined ? { cause: error } : { cause: error, hint };
  return new CriError(category, `read log ${quote(path)}: ${why} (${code})`, options);
}

export function notRegular(path: string): CriError {
  return new CriError("FAILED_PRECONDITION", `read log ${quote(path)}: it is no regular file`);
}

/** The errno name of a system error. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
