import { createHash } from "node:crypto";
import { failedPrecondition, notFound, quote } from "@keelson/cri-api/errors";
import { dataLoss } from "../manifest/data-loss.ts";
import type { Descriptor } from "../manifest/descriptor.ts";
import { type ImageManifest, parseManifest } from "../manifest/manifest.ts";
import { isIndexType, isManifestType } from "../manifest/media-types.ts";
import { formatPlatform, type Platform, platformFit } from "../manifest/platform.ts";
import { type Digest, digestOfHex, isDigest } from "../reference/index.ts";
import { type FetchedManifest, type FetchOptions, fetchManifest } from "../registry/fetch-manifest.ts";
import type { RegistrySession } from "../registry/registry-session.ts";
import type { BlobCache } from "./plan-pull.ts";

export interface FoundManifest {
  /** What the target itself is: an index or already the manifest. */
  readonly resolved: Digest;
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly manifest: ImageManifest;
}

/** Where to begin: a tag, or a digest with what the registry has just said of it. */
export interface ManifestRoot {
  readonly target: string;
  readonly expected: Descriptor | undefined;
}

export interface FindOptions extends FetchOptions {
  readonly platform: Platform;
  readonly cache: BlobCache | undefined;
}

const maxDepth = 3;
const maxDescriptors = 1000;

/**
 * Follows a root to the manifest for a platform: at most three documents deep and 1,000 descriptors wide, none
 * twice (T1.07). The best fit of an index is taken, the first among equals; an entry without a platform only when no
 * other fits.
 * @throws NOT_FOUND when there is none for the platform, FAILED_PRECONDITION when the graph is too deep or wide
 */
export async function findManifest(
  session: RegistrySession,
  root: ManifestRoot,
  options: FindOptions,
): Promise<FoundManifest> {
  const { what, platform } = options;
  const visited = new Set<Digest>();
  const offered: string[] = [];
  let resolved: Digest | undefined;
  let descriptors = 0;
  const open: (ManifestRoot & { readonly depth: number })[] = [{ ...root, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const fetched = await fetchDocument(session, next, options);
    resolved ??= fetched.digest;
    const parsed = parseManifest(fetched.bytes, fetched.mediaType, `${what}: manifest ${fetched.digest}`);
    if (parsed.kind === "manifest") {
      const descriptor = { mediaType: fetched.mediaType, digest: fetched.digest, size: fetched.bytes.byteLength };
      return { resolved, descriptor, bytes: fetched.bytes, manifest: parsed };
    }
    descriptors += parsed.manifests.length;
    if (descriptors > maxDescriptors) throw refuse(what, `it has more than ${maxDescriptors} descriptors`);
    for (const { platform: its } of parsed.manifests) if (its !== undefined) offered.push(formatPlatform(its));
    const candidates = choose(parsed.manifests, platform).filter(({ digest }) => {
      const isNew = !visited.has(digest);
      visited.add(digest);
      return isNew;
    });
    if (candidates.length > 0 && next.depth >= maxDepth) throw refuse(what, `it is nested deeper than ${maxDepth}`);
    for (const candidate of candidates.toReversed()) {
      open.push({ target: candidate.digest, expected: candidate, depth: next.depth + 1 });
    }
  }
  throw notFound(`${what}: no image for ${quote(formatPlatform(platform))}`, {
    hint: `it is there for ${[...new Set(offered)].slice(0, 10).join(", ") || "no platform at all"}`,
  });
}

/** The entries worth a look, best first: one fitting manifest is enough, of nested indexes any may hold it. */
function choose(manifests: readonly Descriptor[], platform: Platform): readonly Descriptor[] {
  const images = manifests.filter(({ mediaType }) => isManifestType(mediaType));
  const fit = (wanted: number): Descriptor | undefined =>
    images.find((image) => image.platform !== undefined && platformFit(image.platform, platform) === wanted);
  const best = fit(2) ?? fit(1) ?? images.find((image) => image.platform === undefined);
  const nested = manifests.filter(
    ({ mediaType, platform: its }) => isIndexType(mediaType) && (its === undefined || platformFit(its, platform) > 0),
  );
  return best?.platform !== undefined ? [best] : [...nested, ...(best === undefined ? [] : [best])];
}

async function fetchDocument(
  session: RegistrySession,
  { target, expected }: ManifestRoot,
  { cache, what, signal }: FindOptions,
): Promise<FetchedManifest> {
  const cached = isDigest(target) ? await readCached(target, expected, cache) : undefined;
  const fetched = cached ?? (await fetchManifest(session, target, { what, signal }));
  if (expected === undefined) return fetched;
  if (fetched.bytes.byteLength !== expected.size) {
    throw dataLoss(`${what}: manifest ${expected.digest} has ${fetched.bytes.byteLength} bytes, want ${expected.size}`);
  }
  if (fetched.mediaType === expected.mediaType) return fetched;
  throw refuse(
    what,
    `manifest ${expected.digest} came as ${quote(fetched.mediaType, 100)}, want ${quote(expected.mediaType, 100)}`,
  );
}

/** Below an index the registry has just vouched for, a local copy is as good as a fetched one. */
async function readCached(
  digest: Digest,
  expected: Descriptor | undefined,
  cache: BlobCache | undefined,
): Promise<FetchedManifest | undefined> {
  if (expected === undefined) return undefined;
  const bytes = await cache?.readBlob(digest);
  if (bytes === undefined || digestOfHex(createHash("sha256").update(bytes).digest("hex")) !== digest) return undefined;
  return { digest, mediaType: expected.mediaType, bytes };
}

function refuse(what: string, why: string): Error {
  return failedPrecondition(`${what}: ${why}`, { hint: "the image is faulty: build and push it anew" });
}
