import { createHash } from "node:crypto";
import { CriError, failedPrecondition, notFound, quote } from "@keelson/cri-api/errors";
import { redactError } from "@keelson/cri-api/redact";
import type { Descriptor } from "../manifest/descriptor.ts";
import { type ImageConfig, maxConfigBytes, parseImageConfig } from "../manifest/image-config.ts";
import { type PlannedLayer, planLayers } from "../manifest/plan-layers.ts";
import { formatPlatform, hostPlatform, type Platform, platformFit } from "../manifest/platform.ts";
import {
  type Digest,
  digestOfHex,
  familiarName,
  type ImageReference,
  parseReference,
  withDefaultTag,
} from "../reference/index.ts";
import { streamBlob } from "../registry/fetch-blob.ts";
import { type FetchOptions, resolveTag } from "../registry/fetch-manifest.ts";
import type { RegistryAuth, RegistryClient, RegistrySession } from "../registry/index.ts";
import { type FoundManifest, findManifest, type ManifestRoot } from "./find-manifest.ts";

/** All that a pull needs to know before the first layer is fetched; its manifest and config are verified. */
export interface PullPlan {
  readonly reference: ImageReference;
  /** What the reference led to: the index of a multi-platform image, else the manifest. */
  readonly resolved: Digest;
  readonly manifest: Descriptor & { readonly bytes: Uint8Array };
  readonly config: Descriptor & { readonly bytes: Uint8Array; readonly parsed: ImageConfig };
  /** The image's ID: the digest of its config. */
  readonly imageId: Digest;
  /** Bottom first. */
  readonly layers: readonly PlannedLayer[];
  /** Bytes of manifest, config and all layers as they lie in the registry. */
  readonly sizeBytes: number;
  /** Asks the registry for this image's blobs. */
  readonly session: RegistrySession;
}

export interface PlanOptions {
  readonly client: RegistryClient;
  readonly auth?: RegistryAuth;
  /** Default: Linux on this machine's processor. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
  /** Verified blobs that are here already: manifests and configs among them are not fetched again. */
  readonly cache?: BlobCache;
  /** What the tag meant last time: with it the registry is first asked only whether it still does. */
  readonly lastKnown?: Digest;
}

export interface BlobCache {
  /** The blob's bytes, or undefined when it isn't there; the caller checks them. */
  readBlob(digest: Digest): Promise<Uint8Array | undefined>;
}

/** Largest image that is planned: the sum of its blobs in the registry. */
const maxImageBytes = 1024 ** 4;

/**
 * Resolves a reference at its registry down to a list of layers. The registry is always asked with this caller's
 * credentials, whatever lies here already (T1.09).
 * @throws INVALID_ARGUMENT for the reference, NOT_FOUND also when there is nothing for the platform, FAILED_PRECONDITION
 *   for content that is refused, otherwise as fetchManifest()
 */
export async function planPull(text: string | ImageReference, options: PlanOptions): Promise<PullPlan> {
  const reference = withDefaultTag(typeof text === "string" ? parseReference(text) : text);
  const what = `pull ${quote(familiarName(reference))}`;
  const signal = options.signal ?? new AbortController().signal;
  const platform = options.platform ?? hostPlatform();
  const session = await options.client.open(reference, options.auth === undefined ? {} : { auth: options.auth });
  const fetching = { what, signal };
  try {
    const root = await findRoot(session, reference, { ...options, fetching });
    const found = await findManifest(session, root, { platform, cache: options.cache, ...fetching });
    const config = await readConfig(session, found, { cache: options.cache, platform, ...fetching });
    return toPlan({ reference, found, config, session, what });
  } catch (error) {
    // what is quoted of documents and headers may be what the registry was told in confidence (T1.10)
    throw redactError(error, session.redact);
  }
}

async function findRoot(
  session: RegistrySession,
  reference: ImageReference,
  { lastKnown, fetching }: PlanOptions & { readonly fetching: FetchOptions },
): Promise<ManifestRoot> {
  if (reference.digest !== undefined) return { target: reference.digest, expected: undefined };
  const tag = reference.tag ?? "latest";
  if (lastKnown === undefined) return { target: tag, expected: undefined };
  const now = await resolveTag(session, tag, fetching);
  // the HEAD was the question with the caller's credentials: what it vouched for may come from the cache
  return now?.digest === lastKnown ? { target: lastKnown, expected: now } : { target: tag, expected: undefined };
}

async function readConfig(
  session: RegistrySession,
  { manifest }: FoundManifest,
  options: FetchOptions & { readonly cache: BlobCache | undefined; readonly platform: Platform },
): Promise<{ bytes: Uint8Array; parsed: ImageConfig }> {
  const { what, signal, platform } = options;
  const { size, digest } = manifest.config;
  if (size > maxConfigBytes) {
    throw failedPrecondition(`${what}: the image config has ${size} bytes, at most ${maxConfigBytes} are allowed`);
  }
  const cached = await options.cache?.readBlob(digest);
  const bytes =
    cached !== undefined && sha256(cached) === digest
      ? cached
      : await collect(streamBlob(session, manifest.config, { what: `${what}: image config`, signal }));
  const parsed = parseImageConfig(bytes);
  if (platformFit(parsed.platform, platform) > 0) return { bytes, parsed };
  throw notFound(
    `${what}: the image is for ${quote(formatPlatform(parsed.platform))}, want ${quote(formatPlatform(platform))}`,
    { hint: "ask for an image that is built for this machine" },
  );
}

function toPlan(parts: {
  readonly reference: ImageReference;
  readonly found: FoundManifest;
  readonly config: { readonly bytes: Uint8Array; readonly parsed: ImageConfig };
  readonly session: RegistrySession;
  readonly what: string;
}): PullPlan {
  const { found, config, what } = parts;
  const { manifest, descriptor, bytes } = found;
  const layers = planLayers(manifest, config.parsed, what);
  const sizeBytes = [descriptor, manifest.config, ...layers].reduce((sum, { size }) => sum + size, 0);
  if (sizeBytes > maxImageBytes) {
    throw new CriError(
      "RESOURCE_EXHAUSTED",
      `${what}: the image has ${sizeBytes} bytes, at most ${maxImageBytes} are allowed`,
    );
  }
  return {
    reference: parts.reference,
    resolved: found.resolved,
    manifest: { ...descriptor, bytes },
    config: { ...manifest.config, ...config },
    imageId: manifest.config.digest,
    layers,
    sizeBytes,
    session: parts.session,
  };
}

function sha256(bytes: Uint8Array): Digest {
  return digestOfHex(createHash("sha256").update(bytes).digest("hex"));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: Uint8Array[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return Buffer.concat(list);
}
