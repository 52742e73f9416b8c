import { lstat } from "node:fs/promises";
import type { Endpoint } from "@keelson/cri-api/endpoint";
import { CriError, isCriError } from "@keelson/cri-api/errors";

/** Says of a path where nothing listens what it is instead of a socket. Every other error stays as it is. */
export async function explainNoSocket(error: CriError, endpoint: Endpoint): Promise<CriError> {
  if (endpoint.kind !== "unix" || !isCriError(error) || error.reason !== "NOT_LISTENING") return error;
  try {
    const found = await lstat(endpoint.path);
    const what = found.isDirectory() ? "a folder" : found.isFile() ? "a regular file" : undefined;
    if (what === undefined) return error;
    return new CriError(error.code, `${error.message}: it is ${what}`, {
      reason: error.reason,
      cause: error,
      hint: "name the runtime's socket",
    });
  } catch {
    // the path is not there, or not ours to see: the first error says so
    return error;
  }
}
