import { createHash } from "node:crypto";
import type { BlobStore } from "../layout/blob-store.ts";
import { dataLoss } from "../manifest/data-loss.ts";
import type { Descriptor } from "../manifest/descriptor.ts";
import { digestOfHex } from "../reference/index.ts";
import { fetchBlob, streamBlob } from "../registry/fetch-blob.ts";
import type { FetchOptions } from "../registry/fetch-manifest.ts";
import type { RegistrySession } from "../registry/registry-session.ts";

export interface StoreFetchOptions extends FetchOptions {
  readonly session: RegistrySession;
  readonly store: BlobStore;
}

/**
 * Brings a blob into the store, verified, unless it is there; a partial one is continued. A blob of the right size is
 * taken to be whole, as it got its name only after it was verified.
 * @throws as fetchBlob(), and RESOURCE_EXHAUSTED when the disk is full
 */
export async function fetchIntoStore(descriptor: Descriptor, options: StoreFetchOptions): Promise<void> {
  const { session, store, what, signal } = options;
  await using ingest = await store.openIngest(descriptor.digest);
  if ((await store.find(descriptor.digest))?.size === descriptor.size) return await ingest.abandon();
  await fetchBlob(session, descriptor, { sink: ingest, what, signal });
  await ingest.commit();
}

/**
 * A blob's bytes while they come into the store, or from the store when they are there. As with streamBlob() they are
 * proved only when the iteration ends; what was fetched until a reader stops early is kept for the next try.
 * @throws as streamBlob(); DATA_LOSS for a stored blob that has changed, which is then removed
 */
export async function* streamIntoStore(
  descriptor: Descriptor,
  options: StoreFetchOptions,
): AsyncGenerator<Uint8Array, void> {
  const { session, store, what, signal } = options;
  await using ingest = await store.openIngest(descriptor.digest);
  if ((await store.find(descriptor.digest))?.size === descriptor.size) {
    await ingest.abandon();
    yield* streamStored(descriptor, options);
    return;
  }
  yield* streamBlob(session, descriptor, { sink: ingest, what, signal });
  await ingest.commit();
}

async function* streamStored(descriptor: Descriptor, { store, what }: StoreFetchOptions): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of store.streamBlob(descriptor.digest)) {
    hash.update(chunk);
    yield chunk;
  }
  if (digestOfHex(hash.digest("hex")) === descriptor.digest) return;
  await store.remove(descriptor.digest);
  throw dataLoss(`${what}: blob ${descriptor.digest} has changed on the disk and was removed`, "pull again");
}
