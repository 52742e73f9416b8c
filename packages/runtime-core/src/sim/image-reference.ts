import { type CriError, invalidArgument, quote } from "@keelson/cri-api/errors";

/** An image's name in full: `docker.io/library/busybox`, and the tag or the digest that it is asked by. */
export interface ImageReference {
  readonly repository: string;
  /** `latest` when neither tag nor digest was given; "" beside a digest. */
  readonly tag: string;
  /** "" without one. */
  readonly digest: string;
}

/**
 * Reads a reference and completes it the way that everybody does: `busybox` is `docker.io/library/busybox:latest`. A
 * digest beside a tag decides alone.
 * @throws INVALID_ARGUMENT
 */
export function parseImageReference(text: string): ImageReference {
  const wrong = (why: string): CriError =>
    invalidArgument(`parse image reference ${quote(text)}: ${why}`, { hint: "write it as registry/repository:tag" });
  if (text === "") throw wrong("it is empty");
  if (text.length > 512) throw wrong(`it has ${text.length} characters, at most 512 are read`);
  const at = text.indexOf("@");
  const digest = at < 0 ? "" : text.slice(at + 1);
  if (at >= 0 && !isDigest(digest)) throw wrong("a digest is sha256: and 64 lower-case hexadecimal digits");
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : "";
  if (hasTag && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(tag)) throw wrong(`${quote(tag)} is not a tag`);
  const repository = fullRepository(hasTag ? named.slice(0, colon) : named);
  const [host = "", ...path] = repository.split("/");
  if (!/^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\])(:[0-9]{1,5})?$/.test(host))
    throw wrong(`${quote(host)} is not a registry`);
  for (const part of path) {
    if (!/^[a-z0-9._-]+$/.test(part) || !/^[a-z0-9].*[a-z0-9]$|^[a-z0-9]$/.test(part)) {
      throw wrong(`${quote(part)} is not a part of a repository's name`);
    }
  }
  return { repository, tag: digest !== "" ? "" : tag === "" ? "latest" : tag, digest };
}

/** `repository:tag` or `repository@digest`. */
export function formatImageReference(reference: ImageReference): string {
  const { repository, tag, digest } = reference;
  return digest === "" ? `${repository}:${tag}` : `${repository}@${digest}`;
}

export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

function fullRepository(name: string): string {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasRegistry = first === "localhost" || first.includes(".") || first.includes(":");
  if (hasRegistry)
    return first === "docker.io" && !name.slice(slash + 1).includes("/")
      ? `docker.io/library/${name.slice(slash + 1)}`
      : name;
  return slash < 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
}
