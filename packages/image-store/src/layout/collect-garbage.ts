import type { Digest } from "../reference/index.ts";
import type { ImageIndex } from "./image-index.ts";

/** Who keeps unpacked layers, by chain ID. */
export interface ChainStore {
  list(): Promise<Iterable<Digest>>;
  /** Idempotent; called for upper layers and lower ones in any order. */
  remove(chainId: Digest): Promise<void>;
}

export interface GarbageOptions {
  readonly chains?: ChainStore;
  /** Partial blobs that nobody has touched for so long are removed, in ms; default one day. */
  readonly partialMaxAgeMs?: number;
}

export interface Collected {
  readonly blobs: number;
  readonly bytes: number;
  readonly chains: number;
  /** What could not be removed; it is tried again the next time. */
  readonly failures: readonly unknown[];
}

/**
 * Removes blobs and unpacked layers that no image, hold or reservation needs, and old partial blobs. One thing at a
 * time, each checked at the moment of its removal, so that pulls and holds made meanwhile are safe.
 */
export async function collectGarbage(index: ImageIndex, options: GarbageOptions = {}): Promise<Collected> {
  const failures: unknown[] = [];
  const attempt = async (task: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await index.removing(task);
    } catch (error) {
      failures.push(error);
      return false;
    }
  };
  let blobs = 0;
  let bytes = 0;
  let chains = 0;
  for (const { digest, size } of await index.blobs.list()) {
    const isRemoved = await attempt(async () => {
      if (index.needsBlob(digest)) return false;
      await index.blobs.remove(digest);
      return true;
    });
    if (isRemoved) {
      blobs++;
      bytes += size;
    }
  }
  for (const chainId of (await options.chains?.list()) ?? []) {
    const isRemoved = await attempt(async () => {
      if (index.needsChain(chainId)) return false;
      await options.chains?.remove(chainId);
      return true;
    });
    if (isRemoved) chains++;
  }
  await attempt(async () => {
    const maxAgeMs = options.partialMaxAgeMs ?? 24 * 60 * 60 * 1000;
    await index.blobs.removeLeftovers(maxAgeMs, (digest) => index.needsBlob(digest));
    return true;
  });
  return { blobs, bytes, chains, failures };
}
