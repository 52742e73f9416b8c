import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Digest } from "../reference/index.ts";
import { chainIds } from "./chain-id.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageConfig } from "./image-config.ts";
import type { ImageManifest } from "./manifest.ts";

export interface PlannedLayer extends Descriptor {
  /** Digest that the uncompressed tar must have. */
  readonly diffId: Digest;
  /** Identity of this layer with all below it. */
  readonly chainId: Digest;
}

/**
 * Each layer with the hash that its config promises for it (T1.08).
 * @throws FAILED_PRECONDITION when manifest and config don't have the same number of layers
 */
export function planLayers(manifest: ImageManifest, config: ImageConfig, what: string): readonly PlannedLayer[] {
  const { diffIds } = config;
  if (diffIds.length !== manifest.layers.length) {
    throw failedPrecondition(
      `${what}: the manifest has ${manifest.layers.length} layers, the config ${diffIds.length} diff_ids`,
      { hint: "the image is faulty: build and push it anew" },
    );
  }
  const chain = chainIds(diffIds);
  return manifest.layers.flatMap((layer, i): PlannedLayer[] => {
    const diffId = diffIds[i];
    const chainId = chain[i];
    return diffId === undefined || chainId === undefined ? [] : [{ ...layer, diffId, chainId }];
  });
}
