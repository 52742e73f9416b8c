import { posix } from "node:path";
import { invalidArgument, quote } from "@keelson/cri-api/errors";

const maxPathBytes = 4096;

/**
 * Checks a path of a request and returns it in its shortest form (`.`, `..` and doubled slashes gone, lexically).
 * @throws INVALID_ARGUMENT when it is not absolute, holds NUL, or is longer than 4096 bytes (THREATS T3.07)
 */
export function cleanPath(path: string, field: string): string {
  if (!path.startsWith("/")) throw invalidArgument(`read ${field}: ${quote(path)} is not an absolute path`);
  checkPathText(path, field);
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

/** @throws INVALID_ARGUMENT when the text can't be a path at all */
export function checkPathText(path: string, field: string): void {
  if (path.includes("\0")) throw invalidArgument(`read ${field}: ${quote(path)} holds a NUL byte`);
  const bytes = Buffer.byteLength(path);
  if (bytes > maxPathBytes) {
    throw invalidArgument(`read ${field}: the path has ${bytes} bytes, at most ${maxPathBytes} are possible`);
  }
}

/** True for `folder` itself and all that is below it; both in the form of {@link cleanPath}. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
