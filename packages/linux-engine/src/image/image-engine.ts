import { create } from "@bufbuild/protobuf";
import { notFound, quote } from "@keelson/cri-api/errors";
import { type FilesystemUsage, FilesystemUsageSchema, type Image, type ImageSpec } from "@keelson/cri-api/v1";
import type { ImageIndex, StoredImage } from "@keelson/image-store";
import { parseReference, repositoryName } from "@keelson/image-store/reference";
import type { ImageEngine, ImageFsInfo, ResolvedImage } from "@keelson/runtime-core/ports";
import type { Snapshots } from "../snapshots/snapshots.ts";
import type { GarbageCollector } from "./garbage-collector.ts";
import { imageInfo, imageMessage } from "./image-message.ts";
import type { IsPinned } from "./pinned-images.ts";
import { type PullDeps, pullImage } from "./pull.ts";

export type ImageEngineDeps = PullDeps & {
  readonly index: ImageIndex;
  readonly snapshots: Snapshots;
  readonly garbage: GarbageCollector;
  readonly isPinned: IsPinned;
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
};

/**
 * Images of an OCI layout whose layers are unpacked for overlayfs. An image is there when it has a name and all of its
 * layers are in place: one whose layers were lost is pulled again, from the store as far as that goes.
 */
export function createImageEngine(deps: ImageEngineDeps): ImageEngine {
  const { index, snapshots, garbage, isPinned } = deps;
  const shown = (image: StoredImage): Image => imageMessage(image, isPinned(image));
  const isWhole = (image: StoredImage): boolean => image.layers.every(({ chainId }) => snapshots.layers.has(chainId));
  const find = (spec: ImageSpec): StoredImage | undefined => {
    const image = index.resolve(spec.image);
    return image !== undefined && isWhole(image) ? image : undefined;
  };
  return {
    async list(filter) {
      if (filter === undefined || filter.image === "") return index.list().filter(isWhole).map(shown);
      const image = find(filter);
      return image === undefined ? [] : [shown(image)];
    },
    async status(spec) {
      const image = find(spec);
      return image === undefined ? undefined : shown(image);
    },
    async inspect(spec) {
      const image = find(spec);
      return image === undefined ? {} : imageInfo(image);
    },
    async pull({ image, auth }, task) {
      const pulled = await pullImage(
        { reference: image.image, ...(auth === undefined ? {} : { auth: plainAuth(auth) }) },
        task,
        deps,
      );
      return resolved(pulled, image.image);
    },
    async remove(spec) {
      if ((await index.remove(spec.image)) === undefined) return;
      await garbage.collect();
      await snapshots.drained();
    },
    async resolve(spec) {
      const image = find(spec);
      if (image !== undefined) return resolved(image, spec.image);
      throw notFound(`find image ${quote(spec.image)}: it is not on this node`, { hint: "pull it first" });
    },
    fsInfo: () => fsInfo(deps),
  };
}

/** The ID, and repo@digest of the repository that was asked for, where the image has one. */
function resolved(image: StoredImage, asked: string): ResolvedImage {
  const [first] = image.repoDigests;
  const prefix = first === undefined || asked.startsWith("sha256:") ? undefined : prefixOf(asked);
  const digest = image.repoDigests.find((name) => prefix !== undefined && name.startsWith(prefix));
  return { id: image.id, ref: digest ?? first ?? image.id };
}

/** `repo@` of a name; undefined for an ID, which is no name. */
function prefixOf(asked: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(asked) ? undefined : `${repositoryName(parseReference(asked))}@`;
}

/** The fields of AuthConfig alone, as they go to the fetcher. */
function plainAuth(
  auth: {
    readonly [K in "username" | "password" | "auth" | "serverAddress" | "identityToken" | "registryToken"]: string;
  },
) {
  const { username, password, auth: pair, serverAddress, identityToken, registryToken } = auth;
  return { username, password, auth: pair, serverAddress, identityToken, registryToken };
}

async function fsInfo({ index, snapshots, now }: ImageEngineDeps): Promise<ImageFsInfo> {
  const layers = [...snapshots.layers.values()];
  const blobs = await index.blobs.list();
  const containers = [...(await snapshots.usage()).values()];
  const usage = (bytes: number, inodes: number): FilesystemUsage =>
    create(FilesystemUsageSchema, {
      timestamp: now(),
      fsId: { mountpoint: snapshots.root },
      usedBytes: { value: BigInt(bytes) },
      inodesUsed: { value: BigInt(inodes) },
    });
  return {
    imageFilesystems: [
      usage(
        sum(layers, ({ sizeBytes }) => sizeBytes) + sum(blobs, ({ size }) => size),
        sum(layers, ({ inodes }) => inodes) + blobs.length,
      ),
    ],
    containerFilesystems: [
      usage(
        sum(containers, ({ bytes }) => bytes),
        sum(containers, ({ inodes }) => inodes),
      ),
    ],
  };
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
