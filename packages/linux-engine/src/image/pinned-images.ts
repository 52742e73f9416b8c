import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { StoredImage } from "@keelson/image-store";
import { digestName, parseReference, storedName } from "@keelson/image-store/reference";

/** Whether an image is one that the kubelet must not collect (`Image.pinned`). */
export type IsPinned = (image: Pick<StoredImage, "repoTags" | "repoDigests">) => boolean;

/**
 * The images that a node keeps, by any of their names: a reference as in a pull (`busybox` is
 * `docker.io/library/busybox:latest`), or the beginning of full names, with a `*` at its end: `registry.k8s.io/pause*`.
 * @throws INVALID_ARGUMENT for what is neither
 */
export function pinnedImages(patterns: readonly string[]): IsPinned {
  const tests = patterns.map(readPattern);
  return ({ repoTags, repoDigests }) => [...repoTags, ...repoDigests].some((name) => tests.some((test) => test(name)));
}

function readPattern(pattern: string): (name: string) => boolean {
  const beginning = pattern.endsWith("*") ? pattern.slice(0, -1) : undefined;
  if (pattern === "*" || beginning?.includes("*") === true) {
    throw invalidArgument(
      `read pinned image ${quote(pattern)}: want a reference, or the beginning of names before a "*"`,
    );
  }
  if (beginning !== undefined) return (name) => name.startsWith(beginning);
  const reference = parseReference(pattern);
  const wanted = reference.digest === undefined ? storedName(reference) : digestName(reference, reference.digest);
  return (name) => name === wanted;
}
