import { failedPrecondition, notFound, quote } from "@keelson/cri-api/errors";
import { KeyedLock } from "@keelson/lifecycle";
import type { Descriptor } from "../manifest/descriptor.ts";
import {
  type Digest,
  digestName,
  type ImageReference,
  isDigest,
  parseReference,
  storedName,
} from "../reference/index.ts";
import { BlobStore } from "./blob-store.ts";
import { type IndexEntry, openLayout, readIndexFile, writeIndexFile } from "./index-file.ts";
import { type IndexState, toState } from "./index-state.ts";
import { References, type Reservation } from "./references.ts";
import { findShortId, imageIdPrefix } from "./short-id.ts";
import { blobsOf, readStoredManifest, type StoredImage, type StoredManifest } from "./stored-image.ts";

export interface AddImage {
  readonly reference: ImageReference;
  /** Its blob and its config's are in the store already. */
  readonly manifest: Descriptor;
  /** What the reference led to; default the manifest itself, else the index above it. */
  readonly resolved?: Digest;
}

/** An entry of `index.json` whose blobs are gone or changed; it is left out of the index. */
export interface BrokenEntry {
  readonly entry: IndexEntry;
  readonly error: unknown;
}

/**
 * The images of a store: an OCI image layout on the disk, its `index.json` the only record of names, a view of it in
 * memory. One process owns it; its changes are made one after the other, each durable before it is seen.
 *
 * An image lives while it is in the index or held; collectGarbage() removes the blobs of the others.
 */
export class ImageIndex {
  readonly blobs: BlobStore;
  readonly broken: readonly BrokenEntry[];
  #state: IndexState;
  readonly #references = new References();
  readonly #lock = new KeyedLock();

  private constructor(blobs: BlobStore, state: IndexState, broken: readonly BrokenEntry[]) {
    this.blobs = blobs;
    this.broken = broken;
    this.#state = state;
  }

  /**
   * Opens or makes the layout at `root`; manifests and configs are verified, layers are not read.
   * @throws DATA_LOSS when `index.json` itself can't be read
   */
  static async open(root: string): Promise<ImageIndex> {
    await openLayout(root);
    const blobs = await BlobStore.open(root);
    const names = new Map<string, Digest>();
    const manifests = new Map<Digest, StoredManifest>();
    const broken: BrokenEntry[] = [];
    for (const entry of await readIndexFile(root)) {
      const { digest } = entry.manifest;
      try {
        if (!manifests.has(digest)) manifests.set(digest, await readStoredManifest(blobs, entry.manifest));
        if (entry.name !== undefined) names.set(entry.name, digest);
      } catch (error) {
        broken.push({ entry, error });
      }
    }
    return new ImageIndex(blobs, toState(names, manifests), broken);
  }

  list(): readonly StoredImage[] {
    return [...this.#state.images.values()];
  }

  /**
   * The image of a name (`busybox`, `repo:tag`, `repo@digest`), an ID (`sha256:…` or its hex digits), or the beginning
   * of an ID that only one image has; undefined when there is none.
   * @throws INVALID_ARGUMENT for what is neither a reference nor an ID; FAILED_PRECONDITION when it may mean several
   */
  resolve(text: string): StoredImage | undefined {
    const { images } = this.#state;
    const prefix = imageIdPrefix(text);
    if (isDigest(prefix)) return images.get(prefix);
    const shortId = prefix === undefined ? undefined : findShortId(prefix, images.keys());
    const byPrefix = shortId === undefined ? undefined : images.get(shortId);
    if (prefix === text) return byPrefix;
    const byName = this.#byName(storedName(parseReference(text)));
    if (byName === undefined || byPrefix === undefined || byName === byPrefix) return byName ?? byPrefix;
    throw failedPrecondition(`find image ${quote(text)}: it is the name of one image and the ID of another`, {
      hint: "write the name with its tag, or the whole ID",
    });
  }

  /**
   * Gives an image its names: `repo@resolved`, and `repo:tag` unless the reference had a digest. A tag that belonged to
   * another image moves. Durable when it resolves.
   * @throws DATA_LOSS when the manifest or its config is not in the store as promised
   */
  async add({ reference, manifest, resolved }: AddImage): Promise<StoredImage> {
    return await this.#lock.run("index", async () => {
      const stored = await readStoredManifest(this.blobs, manifest);
      const names = new Map(this.#state.names);
      if (reference.digest === undefined) names.set(storedName(reference), manifest.digest);
      names.set(digestName(reference, reference.digest ?? resolved ?? manifest.digest), manifest.digest);
      const manifests = new Map(this.#state.manifests);
      manifests.delete(manifest.digest);
      manifests.set(manifest.digest, stored);
      await this.blobs.flush();
      await this.#commit(toState(names, manifests));
      const image = this.#state.images.get(stored.imageId);
      if (image === undefined) throw new Error("an image that was just added is not there");
      return image;
    });
  }

  /**
   * Takes an image with all its names out of the index, by any name or ID; its blobs go with the next garbage collection
   * unless held. Idempotent: undefined when there is none. Durable when it resolves.
   */
  async remove(text: string): Promise<StoredImage | undefined> {
    return await this.#lock.run("index", async () => {
      const image = this.resolve(text);
      if (image === undefined) return undefined;
      const manifests = new Map([...this.#state.manifests].filter(([, { imageId }]) => imageId !== image.id));
      const names = new Map([...this.#state.names].filter(([, digest]) => manifests.has(digest)));
      await this.#commit(toState(names, manifests));
      return image;
    });
  }

  /**
   * Keeps an image's blobs and layers, also when it is removed, until the returned function is called (once or more).
   * Holds live in memory: after a restart they are made again from the containers' records.
   * @throws NOT_FOUND
   */
  hold(id: Digest): () => void {
    const manifests = [...this.#state.manifests.values()].filter(({ imageId }) => imageId === id);
    if (manifests.length === 0) throw notFound(`hold image ${quote(id)}: no such image`);
    return this.#references.add({
      blobs: manifests.flatMap(blobsOf),
      chains: manifests.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)),
    });
  }

  /**
   * Keeps blobs and layers that no image in the index has: of a pull under way, or of a container whose image is gone.
   * Waits for a removal that is just being made. A pull reserves what its plan names before it looks what is there.
   */
  async reserve(reservation: Reservation): Promise<() => void> {
    return await this.removing(async () => this.#references.add(reservation));
  }

  /** Whether an image, a hold or a reservation needs this blob. */
  needsBlob(digest: Digest): boolean {
    return this.#state.blobs.has(digest) || this.#references.hasBlob(digest);
  }

  /** Whether an image, a hold or a reservation needs the layer of this chain ID. */
  needsChain(chainId: Digest): boolean {
    return this.#state.chains.has(chainId) || this.#references.hasChain(chainId);
  }

  /** Runs one removal so that no reservation comes between its check and its end. */
  async removing<T>(task: () => Promise<T>): Promise<T> {
    return await this.#lock.run("garbage", task);
  }

  #byName(name: string): StoredImage | undefined {
    const digest = this.#state.names.get(name);
    const manifest = digest === undefined ? undefined : this.#state.manifests.get(digest);
    return manifest === undefined ? undefined : this.#state.images.get(manifest.imageId);
  }

  async #commit(state: IndexState): Promise<void> {
    const named = new Set(state.names.values());
    const unnamed = [...state.manifests.values()].filter(({ descriptor }) => !named.has(descriptor.digest));
    const entries: IndexEntry[] = unnamed.map(({ descriptor }) => ({ manifest: descriptor, name: undefined }));
    for (const [name, digest] of state.names) {
      const manifest = state.manifests.get(digest)?.descriptor;
      if (manifest !== undefined) entries.push({ manifest, name });
    }
    await writeIndexFile(this.blobs.root, entries);
    this.#state = state;
  }
}
