import { notFound, quote } from "@keelson/cri-api/errors";
import { type ImageConfig, type ImageIndex, parseImageConfig, type StoredImage } from "@keelson/image-store";
import { type Digest, parseDigest } from "@keelson/image-store/reference";
import type { ContainerSnapshots, ImageHolds, PreparedSnapshot } from "../container/container-tools.ts";
import type { DiskUsage } from "../snapshots/disk-usage.ts";
import type { Snapshots } from "../snapshots/snapshots.ts";
import type { ImageProcessConfig } from "../spec/index.ts";
import type { GarbageCollector } from "./garbage-collector.ts";

export interface ImageContentDeps {
  readonly index: ImageIndex;
  readonly snapshots: Snapshots;
  readonly garbage: GarbageCollector;
}

interface Hold {
  readonly imageId: Digest;
  readonly chainIds: readonly Digest[];
  readonly release: () => void;
}

/**
 * What images are to containers: their content, kept for as long as a container needs it, whatever happens to the
 * images' names. A writable layer keeps what is below it by being there, also over a restart.
 */
export class ImageContent implements ImageHolds, ContainerSnapshots {
  readonly #deps: ImageContentDeps;
  /** By holder. */
  readonly #holds = new Map<string, Hold>();
  /** By container, for its writable layer. */
  readonly #prepared = new Map<string, Hold>();

  private constructor(deps: ImageContentDeps) {
    this.#deps = deps;
  }

  /** Keeps what the writable layers of the last life need. */
  static async open(deps: ImageContentDeps): Promise<ImageContent> {
    const content = new ImageContent(deps);
    for (const [id, { imageId, chainIds }] of deps.snapshots.containers) {
      content.#prepared.set(id, await content.#reserve(imageId, chainIds));
    }
    return content;
  }

  async hold(imageId: string, holder: string): Promise<void> {
    if (this.#holds.get(holder)?.imageId === imageId) return;
    const known = this.#find(imageId);
    const hold = await this.#reserve(known.imageId, known.chainIds);
    this.#holds.get(holder)?.release();
    this.#holds.set(holder, hold);
  }

  async release(_imageId: string, holder: string): Promise<void> {
    this.#holds.get(holder)?.release();
    if (this.#holds.delete(holder)) void this.#deps.garbage.collect();
  }

  async processConfig(imageId: string): Promise<ImageProcessConfig> {
    const { user, env, entrypoint, cmd, workingDir, stopSignal, volumes } = await this.#config(imageId);
    return { user, env, entrypoint, cmd, workingDir, stopSignal, volumes };
  }

  async prepare(key: string, imageId: string): Promise<PreparedSnapshot> {
    const known = this.#find(imageId);
    const hold = await this.#reserve(known.imageId, known.chainIds);
    try {
      const prepared = await this.#deps.snapshots.prepare(key, known);
      this.#prepared.set(key, hold);
      return prepared;
    } catch (error) {
      hold.release();
      throw error;
    }
  }

  async remove(key: string): Promise<void> {
    await this.#deps.snapshots.remove(key);
    this.#prepared.get(key)?.release();
    if (this.#prepared.delete(key)) void this.#deps.garbage.collect();
  }

  addFolder(key: string, name: string): Promise<string> {
    return this.#deps.snapshots.addFolder(key, name);
  }

  removeFolder(key: string, name: string): Promise<void> {
    return this.#deps.snapshots.removeFolder(key, name);
  }

  async list(): Promise<readonly string[]> {
    return [...this.#deps.snapshots.containers.keys()];
  }

  usage(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, DiskUsage>> {
    return this.#deps.snapshots.written(keys, signal);
  }

  get root(): string {
    return this.#deps.snapshots.root;
  }

  async #reserve(imageId: Digest, chainIds: readonly Digest[]): Promise<Hold> {
    const image = this.#deps.index.resolve(imageId);
    const blobs =
      image === undefined ? [imageId] : [image.manifest.digest, imageId, ...image.layers.map((one) => one.digest)];
    return { imageId, chainIds, release: await this.#deps.index.reserve({ blobs, chains: chainIds }) };
  }

  /** In the index, or kept by somebody. @throws NOT_FOUND */
  #find(text: string): { readonly imageId: Digest; readonly chainIds: readonly Digest[] } {
    const imageId = parseDigest(text);
    const image = this.#deps.index.resolve(imageId);
    if (image !== undefined) return { imageId, chainIds: chainIdsOf(image) };
    for (const hold of [...this.#holds.values(), ...this.#prepared.values()]) {
      if (hold.imageId === imageId) return { imageId, chainIds: hold.chainIds };
    }
    throw notFound(`find image ${quote(text)}: it is not on this node`, { hint: "pull it first" });
  }

  async #config(text: string): Promise<ImageConfig> {
    const { imageId } = this.#find(text);
    const image = this.#deps.index.resolve(imageId);
    return image?.config ?? parseImageConfig(await this.#deps.index.blobs.readVerified(imageId));
  }
}

function chainIdsOf(image: StoredImage): readonly Digest[] {
  return image.layers.map(({ chainId }) => chainId);
}
