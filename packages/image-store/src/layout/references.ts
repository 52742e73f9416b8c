import type { Digest } from "../reference/index.ts";

/** Blobs and layers that must stay, whoever needs them. */
export interface Reservation {
  readonly blobs?: readonly Digest[];
  readonly chains?: readonly Digest[];
}

/** Counts who needs what; in memory only. */
export class References {
  readonly #held = new Set<{ readonly blobs: ReadonlySet<Digest>; readonly chains: ReadonlySet<Digest> }>();

  /** Returns what lets go; calling it again does nothing. */
  add({ blobs = [], chains = [] }: Reservation): () => void {
    const entry = { blobs: new Set(blobs), chains: new Set(chains) };
    this.#held.add(entry);
    return () => void this.#held.delete(entry);
  }

  hasBlob(digest: Digest): boolean {
    for (const { blobs } of this.#held) if (blobs.has(digest)) return true;
    return false;
  }

  hasChain(chainId: Digest): boolean {
    for (const { chains } of this.#held) if (chains.has(chainId)) return true;
    return false;
  }
}
