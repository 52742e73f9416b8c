import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { type Digest, isLowerHex, parseDigest } from "./digest.ts";
import { isDomain, isPath, isTag } from "./grammar.ts";

/**
 * A normalised image reference (distribution/reference): the domain is always there (`docker.io` by default), a
 * one-word name on docker.io lies below `library/`. With a digest the tag is for people only: the digest decides.
 */
export interface ImageReference {
  /** Registry host with its port, as written: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const defaultDomain = "docker.io";
const legacyDefaultDomain = "index.docker.io";
const officialPrefix = "library/";
// domain 255 + path 255 + tag 128 + digest 71 + separators; anything longer is refused before it is looked at
const maxLength = 1024;
const maxDomainLength = 255;
const maxPathLength = 255;

/**
 * Parses and normalises a reference as Docker, containerd and the kubelet do; one pass, no backtracking. A tag is not
 * added, see {@link withDefaultTag}.
 * @throws INVALID_ARGUMENT naming the part that is wrong
 */
export function parseReference(text: string): ImageReference {
  const refuse = (why: string, hint?: string) =>
    invalidArgument(`parse image reference ${quote(text, 120)}: ${why}`, hint === undefined ? {} : { hint });
  if (text === "") throw refuse("it is empty", 'give a name such as "docker.io/library/busybox:latest"');
  if (text.length > maxLength) throw refuse(`it has ${text.length} characters, at most ${maxLength} are allowed`);
  if (isLowerHex(text, 64)) {
    throw refuse("64 hex digits are an image ID, not a name", 'write the ID as "sha256:…"');
  }
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1));
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) {
    throw refuse(`the tag ${quote(tag, 140)} is not valid`, "a tag has 1 to 128 letters, digits, '_', '.', '-'");
  }
  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (domain.length > maxDomainLength) throw refuse(`the registry host is longer than ${maxDomainLength} characters`);
  if (!isDomain(domain)) throw refuse(`${quote(domain)} is not a registry host`);
  if (path.length > maxPathLength) throw refuse(`the repository name is longer than ${maxPathLength} characters`);
  if (path !== path.toLowerCase()) throw refuse("the repository name must be lower case");
  if (!isPath(path)) {
    throw refuse(
      `the repository name ${quote(path)} is not valid`,
      "a name has lower-case letters and digits, with '.', '_', '__' or dashes between them, in parts divided by '/'",
    );
  }
  return Object.freeze({ domain, path, tag, digest });
}

/** Docker's rule: what stands before the first slash is a host only with a dot, a colon, a capital, or as localhost. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost =
    slash >= 0 &&
    (first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase());
  const written = isHost ? first : defaultDomain;
  const domain = written === legacyDefaultDomain ? defaultDomain : written;
  const path = isHost ? name.slice(slash + 1) : name;
  return { domain, path: domain === defaultDomain && !path.includes("/") ? `${officialPrefix}${path}` : path };
}

/** `latest` where neither a tag nor a digest was given. */
export function withDefaultTag(reference: ImageReference): ImageReference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return Object.freeze({ ...reference, tag: "latest" });
}

/** `docker.io/library/busybox`: the repository without tag and digest. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox@sha256:…` */
export function digestName(reference: ImageReference, digest: Digest): string {
  return `${repositoryName(reference)}@${digest}`;
}

/** The whole normalised reference: `docker.io/library/busybox:1.36@sha256:…`. Parses back to the same. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

/**
 * The name under which an image is known in a store: repo@digest when there is a digest (the tag is dropped, as
 * containerd does), else repo:tag with `latest` as default.
 */
export function storedName(reference: ImageReference): string {
  const { digest } = reference;
  return digest === undefined ? formatReference(withDefaultTag(reference)) : digestName(reference, digest);
}

/** The short form for people: `busybox:1.36`. Where that would parse to something else, the whole form. */
export function familiarName(reference: ImageReference): string {
  const whole = formatReference(reference);
  if (reference.domain !== defaultDomain) return whole;
  const below = whole.slice(defaultDomain.length + 1);
  const rest = reference.path.slice(officialPrefix.length);
  const short =
    reference.path.startsWith(officialPrefix) && !rest.includes("/") ? below.slice(officialPrefix.length) : below;
  return isLowerHex(short, 64) || formatReference(parseReference(short)) !== whole ? whole : short;
}
