import { invalidArgument, quote } from "@keelson/cri-api/errors";

declare const digestBrand: unique symbol;

/**
 * A checked content digest: `sha256:` and 64 lower-case hex digits, nothing else. Only {@link parseDigest} and
 * {@link digestOfHex} make one, so that no unchecked text ever becomes a file name or a key (OCI image-spec, "Digests").
 */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

const algorithm = "sha256:";
const hexLength = 64;

/** True for `size` lower-case hex digits and nothing else; looks at no more than `size` characters. */
export function isLowerHex(text: string, size: number): boolean {
  if (text.length !== size) return false;
  for (let i = 0; i < size; i++) {
    const c = text.charCodeAt(i);
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
  }
  return true;
}

export function isDigest(text: unknown): text is Digest {
  return (
    typeof text === "string" &&
    text.length === algorithm.length + hexLength &&
    text.startsWith(algorithm) &&
    isLowerHex(text.slice(algorithm.length), hexLength)
  );
}

/** @throws INVALID_ARGUMENT when `text` is anything but `sha256:` and 64 lower-case hex digits */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw invalidArgument(`parse digest ${quote(text, 80)}: want "sha256:" and 64 lower-case hex digits`, {
    hint: text.startsWith("sha512:") ? "only sha256 is supported" : "copy the digest as the registry shows it",
  });
}

/** The digest of a finished sha256 in hex. @throws INVALID_ARGUMENT when it isn't 64 lower-case hex digits */
export function digestOfHex(hex: string): Digest {
  return parseDigest(`${algorithm}${hex}`);
}

/** The 64 hex digits, the name of the blob's file in an OCI layout. */
export function digestHex(digest: Digest): string {
  return digest.slice(algorithm.length);
}
