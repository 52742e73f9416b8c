import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { type Digest, isLowerHex } from "../reference/digest.ts";

const algorithm = "sha256:";
const minDigits = 4;

/**
 * The text as the beginning of an image ID, with its algorithm: `sha256:` and 4 to 64 hex digits, or the digits alone.
 * Undefined when it can't be one.
 */
export function imageIdPrefix(text: string): `sha256:${string}` | undefined {
  if (text.length > algorithm.length + 64) return undefined;
  const digits = text.startsWith(algorithm) ? text.slice(algorithm.length) : text;
  if (digits.length < minDigits || digits.length > 64 || !isLowerHex(digits, digits.length)) return undefined;
  return `${algorithm}${digits}`;
}

/** The only ID that begins so; undefined when none does. @throws FAILED_PRECONDITION when several do */
export function findShortId(prefix: string, ids: Iterable<Digest>): Digest | undefined {
  const found = [...ids].filter((id) => id.startsWith(prefix));
  if (found.length <= 1) return found[0];
  throw failedPrecondition(`find image ${quote(prefix)}: ${found.length} images have an ID that begins so`, {
    hint: "give more digits of the ID",
  });
}
