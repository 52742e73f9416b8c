import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import { CriError, type CriErrorCode, quote } from "@keelson/cri-api/errors";

const exhausted: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "EAGAIN"]);

/** By number; the first name wins where two have one (EAGAIN, EWOULDBLOCK). */
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/**
 * A system call that failed. Its category is INTERNAL (RESOURCE_EXHAUSTED when the machine ran out of something) and
 * never NOT_FOUND, which a kubelet would read as "the container is gone": whoever knows what the path meant decides.
 */
export class SyscallError extends CriError {
  /** The name of the error, such as `ENOENT`. */
  readonly errno: string;
  /** Its number on this machine. */
  readonly errnoNumber: number;
  /** The call that failed, such as `mount`. */
  readonly syscall: string;
  /** What it was about: a path, a descriptor, a pid. */
  readonly subject: string | undefined;

  constructor(syscall: string, errno: number, subject?: string) {
    const name = names.get(errno) ?? `errno ${errno}`;
    const text = getSystemErrorMap().get(-errno)?.[1];
    const code: CriErrorCode = exhausted.has(name) ? "RESOURCE_EXHAUSTED" : "INTERNAL";
    super(
      code,
      `${syscall}${subject === undefined ? "" : ` ${quote(subject)}`}: ${name}${text === undefined ? "" : `, ${text}`}`,
    );
    this.name = "SyscallError";
    this.errno = name;
    this.errnoNumber = errno;
    this.syscall = syscall;
    this.subject = subject;
  }
}

/** True for a failed call of ours, or of `node:fs`, with one of these error names (`ENOENT`, `EBUSY`…). */
export function isErrno(error: unknown, ...wanted: readonly string[]): boolean {
  if (error instanceof SyscallError) return wanted.includes(error.errno);
  return error instanceof Error && "code" in error && typeof error.code === "string" && wanted.includes(error.code);
}
