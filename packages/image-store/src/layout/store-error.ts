import { CriError, quote } from "@keelson/cri-api/errors";

/** A failed file operation of the store: a full disk is RESOURCE_EXHAUSTED, anything else INTERNAL. */
export function storeError(action: string, path: string, cause: unknown): CriError {
  const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new CriError(
    isFull ? "RESOURCE_EXHAUSTED" : "INTERNAL",
    `${action} ${quote(path)}: ${isFull ? "no space left" : code === "" ? message : code}`,
    { cause, ...(isFull && { hint: "free space in the image store, or remove images" }) },
  );
}

export function isMissing(cause: unknown): boolean {
  return (cause as { code?: unknown } | null)?.code === "ENOENT";
}
