import { getSystemErrorMap } from "node:util";
import { CriError, type CriErrorCode, quote } from "@keelson/cri-api/errors";

const exhausted: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "EAGAIN"]);

/**
 * A system call that failed. Its category is INTERNAL (RESOURCE_EXHAUSTED when the machine ran out of something) and
 * never NOT_FOUND, which a kubelet would read as "the container is gone": whoever knows what the path meant decides.
 */
export class SyscallError extends CriError {
  /** The name of the error, such as `ENOENT`. */
  readonly errno: string;
  /** The call that failed, such as `mount`. */
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject?: string) {
    const [name, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "unknown error"];
    const code: CriErrorCode = exhausted.has(name) ? "RESOURCE_EXHAUSTED" : "INTERNAL";
    super(code, `${syscall}${subject === undefined ? "" : ` ${quote(subject)}`}: ${name}, ${text}`);
    this.name = "SyscallError";
    this.errno = name;
    this.syscall = syscall;
  }
}

/** True for a failed call of ours, or of `node:fs`, with one of these error names (`ENOENT`, `EBUSY`…). */
export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  if (error instanceof SyscallError) return names.includes(error.errno);
  return error instanceof Error && "code" in error && typeof error.code === "string" && names.includes(error.code);
}
