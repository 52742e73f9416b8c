import { dataLoss } from "../manifest/data-loss.ts";
import type { Descriptor } from "../manifest/descriptor.ts";
import { type ImageConfig, parseImageConfig } from "../manifest/image-config.ts";
import { parseManifest } from "../manifest/manifest.ts";
import { type PlannedLayer, planLayers } from "../manifest/plan-layers.ts";
import type { Digest } from "../reference/index.ts";
import type { BlobStore } from "./blob-store.ts";

/** A manifest in the store with all that follows from it. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly imageId: Digest;
  readonly config: ImageConfig;
  readonly configDescriptor: Descriptor;
  readonly layers: readonly PlannedLayer[];
  readonly sizeBytes: number;
  readonly annotations: ReadonlyMap<string, string>;
}

/** An image as CRI knows it: one ID, any number of names. */
export interface StoredImage {
  /** Digest of the image config. */
  readonly id: Digest;
  /** `docker.io/library/busybox:1.36`, sorted. */
  readonly repoTags: readonly string[];
  /** `docker.io/library/busybox@sha256:…`, sorted. */
  readonly repoDigests: readonly string[];
  /** The manifest added last of those that have this config. */
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  /** Bottom first; the last one's chain ID names the whole root file system. */
  readonly layers: readonly PlannedLayer[];
  /** Bytes of manifest, config and layers as they came from the registry. */
  readonly sizeBytes: number;
  /** Those of the manifest. */
  readonly annotations: ReadonlyMap<string, string>;
}

/** Reads a manifest and its config from the store, verifying both. @throws DATA_LOSS, FAILED_PRECONDITION */
export async function readStoredManifest(
  blobs: BlobStore,
  { mediaType, digest, size, platform }: Descriptor,
): Promise<StoredManifest> {
  // a caller's descriptor may carry more than the index should hold
  const descriptor = { mediaType, digest, size, ...(platform !== undefined && { platform }) };
  const what = `image ${descriptor.digest}`;
  const bytes = await blobs.readVerified(descriptor.digest);
  const manifest = parseManifest(bytes, descriptor.mediaType, what);
  if (manifest.kind === "index") throw dataLoss(`${what}: it is an index, want a manifest`);
  const config = parseImageConfig(await blobs.readVerified(manifest.config.digest));
  const layers = planLayers(manifest, config, what);
  return {
    descriptor,
    imageId: manifest.config.digest,
    config,
    configDescriptor: manifest.config,
    layers,
    sizeBytes: [descriptor, manifest.config, ...layers].reduce((sum, { size }) => sum + size, 0),
    annotations: manifest.annotations,
  };
}

/** All blobs that a manifest needs. */
export function blobsOf(manifest: StoredManifest): readonly Digest[] {
  return [manifest.descriptor.digest, manifest.imageId, ...manifest.layers.map(({ digest }) => digest)];
}
