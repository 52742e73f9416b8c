import { isCriError } from "@keelson/cri-api/errors";

/** Whether the runtime, or the version that was negotiated, lacks the method that was called, and no more than that. */
export function isMethodMissing(error: unknown): boolean {
  return isCriError(error, "UNIMPLEMENTED") && (error.reason === undefined || error.reason === "NOT_IN_VERSION");
}
