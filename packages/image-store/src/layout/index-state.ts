import type { Digest } from "../reference/index.ts";
import { blobsOf, type StoredImage, type StoredManifest } from "./stored-image.ts";

/** One consistent view of an index; a change makes a new one. */
export interface IndexState {
  /** Name → manifest. Names and IDs are never looked up in each other's map (T1.05). */
  readonly names: ReadonlyMap<string, Digest>;
  /** In the order of being added. */
  readonly manifests: ReadonlyMap<Digest, StoredManifest>;
  /** Image ID → image. */
  readonly images: ReadonlyMap<Digest, StoredImage>;
  /** All blobs and chain IDs that the manifests need. */
  readonly blobs: ReadonlySet<Digest>;
  readonly chains: ReadonlySet<Digest>;
}

export function toState(
  names: ReadonlyMap<string, Digest>,
  manifests: ReadonlyMap<Digest, StoredManifest>,
): IndexState {
  const all = [...manifests.values()];
  const namesOf = new Map<Digest, string[]>();
  for (const [name, digest] of names) {
    const id = manifests.get(digest)?.imageId;
    if (id !== undefined) namesOf.set(id, [...(namesOf.get(id) ?? []), name]);
  }
  return {
    names,
    manifests,
    images: new Map(all.map((manifest) => [manifest.imageId, toImage(manifest, namesOf.get(manifest.imageId) ?? [])])),
    blobs: new Set(all.flatMap(blobsOf)),
    chains: new Set(all.flatMap(({ layers }) => layers.map(({ chainId }) => chainId))),
  };
}

function toImage(manifest: StoredManifest, names: readonly string[]): StoredImage {
  return Object.freeze({
    id: manifest.imageId,
    repoTags: Object.freeze(names.filter((name) => !name.includes("@")).sort()),
    repoDigests: Object.freeze(names.filter((name) => name.includes("@")).sort()),
    manifest: manifest.descriptor,
    config: manifest.config,
    layers: manifest.layers,
    sizeBytes: manifest.sizeBytes,
    annotations: manifest.annotations,
  });
}
