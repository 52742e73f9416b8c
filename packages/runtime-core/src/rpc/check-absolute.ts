import { invalidArgument, quote } from "@keelson/cri-api/errors";

/**
 * A path on the node that a caller names.
 * @throws INVALID_ARGUMENT naming the field
 */
export function checkAbsolute(path: string, field: string): void {
  if (!path.startsWith("/") || path.split("/").some((part) => part === "." || part === "..")) {
    throw invalidArgument(`${field} ${quote(path)}: want an absolute path without "." and ".."`);
  }
}
