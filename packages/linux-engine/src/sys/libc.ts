import * as koffi from "koffi"; // the default import has no type namespace
import { SyscallError } from "./syscall-error.ts";

/** A C function. `async` runs it in libuv's pool; see {@link callAsync}. */
export interface NativeFunction {
  (...args: readonly unknown[]): number;
  async(...args: readonly unknown[]): void;
}

let library: koffi.LibraryHandle | undefined;

/**
 * Declares a function of libc by its prototype. Nothing is loaded before the first call, so that this folder can be
 * imported (not used) on any system.
 */
export function native(prototype: string): NativeFunction {
  let loaded: NativeFunction | undefined;
  const get = (): NativeFunction => {
    library ??= koffi.load("libc.so.6");
    loaded ??= library.func(prototype) as NativeFunction;
    return loaded;
  };
  const call = (...args: readonly unknown[]): number => get()(...args);
  return Object.assign(call, { async: (...args: readonly unknown[]): void => get().async(...args) });
}

/** The version of the GNU C library, such as `2.36`; undefined when the system has another. */
export function libcVersion(): string | undefined {
  try {
    library ??= koffi.load("libc.so.6");
    return String(library.func("const char *gnu_get_libc_version()")());
  } catch {
    return undefined; // koffi tells no reason: no such library, or not one of GNU's
  }
}

/** Passes on the result of a call that answers -1 and `errno` on failure. @throws SyscallError */
export function must(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SyscallError(syscall, koffi.errno(), subject);
  return result;
}

/** For calls that answer the error number itself (the `posix_spawn` family). @throws SyscallError */
export function mustBeZero(errno: number, syscall: string, subject?: string): void {
  if (errno !== 0) throw new SyscallError(syscall, errno, subject);
}

/** Runs a call that may block in libuv's pool. The pool's threads are in the host's namespaces. */
export function callAsync(
  fn: NativeFunction,
  syscall: string,
  subject: string,
  ...args: readonly unknown[]
): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (failure: unknown, result: number) => {
      // koffi restores the pool thread's errno for the length of this callback.
      if (failure !== null && failure !== undefined) reject(failure);
      else if (result < 0) reject(new SyscallError(syscall, koffi.errno(), subject));
      else resolve(result);
    });
  });
}
