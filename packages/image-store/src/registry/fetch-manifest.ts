import { createHash } from "node:crypto";
import { quote } from "@keelson/cri-api/errors";
import type { Descriptor } from "../manifest/descriptor.ts";
import { mediaTypes } from "../manifest/media-types.ts";
import { type Digest, digestOfHex, isDigest } from "../reference/index.ts";
import { readSmallBody } from "./read-body.ts";
import { corrupt } from "./registry-error.ts";
import { hostLabel, type RegistryHost } from "./registry-host.ts";
import type { RegistrySession } from "./registry-session.ts";
import { tryHosts } from "./try-hosts.ts";

/** A manifest or index as the registry sent it; `digest` is computed from `bytes`. */
export interface FetchedManifest {
  readonly digest: Digest;
  /** Content-Type, without its parameters. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface FetchOptions {
  /** For messages: `pull "docker.io/library/busybox:latest"`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Largest manifest or index that is read, as the OCI distribution-spec asks of registries. */
export const maxManifestBytes: number = 4 * 1024 * 1024;

const accept = [
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerManifest,
  mediaTypes.dockerManifestList,
].join(", ");

/**
 * Fetches a manifest or index by tag or digest. The raw bytes are hashed before anybody parses them.
 * @throws NOT_FOUND, PERMISSION_DENIED, UNKNOWN with the RegistryUnavailable prefix; DATA_LOSS when the bytes are not
 *   those of the digest that was asked for
 */
export function fetchManifest(
  session: RegistrySession,
  target: string,
  { what, signal }: FetchOptions,
): Promise<FetchedManifest> {
  return tryHosts(session, {
    capability: isDigest(target) ? "pull" : "resolve",
    what,
    signal,
    run: async (host) => {
      const response = await session.send(host, { method: "GET", path: `manifests/${target}`, accept, what, signal });
      if (response.status !== 200) throw await session.failure(host, response, what);
      const bytes = await session.reading(host, { what, signal }, () =>
        readSmallBody(response, { maxBytes: maxManifestBytes, limits: session.deps.limits, what: `${what}: manifest` }),
      );
      const digest = digestOfHex(createHash("sha256").update(bytes).digest("hex"));
      const promised = isDigest(target) ? target : response.header("docker-content-digest");
      checkPromise(digest, promised, { host, what });
      return { digest, mediaType: contentType(response.header("content-type")), bytes };
    },
  });
}

/**
 * What a tag points to now, by a HEAD request; undefined when the registry doesn't say it fully.
 * @throws as {@link fetchManifest}
 */
export function resolveTag(
  session: RegistrySession,
  tag: string,
  { what, signal }: FetchOptions,
): Promise<Descriptor | undefined> {
  return tryHosts(session, {
    capability: "resolve",
    what,
    signal,
    run: async (host) => {
      const response = await session.send(host, { method: "HEAD", path: `manifests/${tag}`, accept, what, signal });
      if (response.status !== 200) throw await session.failure(host, response, what);
      response.discard();
      const digest = response.header("docker-content-digest");
      const length = response.header("content-length") ?? "";
      if (!isDigest(digest) || !/^[0-9]{1,10}$/.test(length)) return undefined;
      return { mediaType: contentType(response.header("content-type")), digest, size: Number(length) };
    },
  });
}

function checkPromise(
  digest: Digest,
  promised: string | undefined,
  { host, what }: { readonly host: RegistryHost; readonly what: string },
): void {
  // a registry that hashes otherwise (sha512) has promised nothing that could be compared
  if (!isDigest(promised) || promised === digest) return;
  throw corrupt(`${what}: manifest from ${quote(hostLabel(host))} has digest ${digest}, want ${promised}`);
}

function contentType(header: string | undefined): string {
  const text = header ?? "";
  const end = text.indexOf(";");
  return (end < 0 ? text : text.slice(0, end)).trim();
}
