import { create } from "@bufbuild/protobuf";
import { type Image, ImageSchema } from "@keelson/cri-api/v1";
import type { StoredImage } from "@keelson/image-store";
import type { Json } from "@keelson/runtime-core/ports";

const maxUid = 2n ** 31n - 1n;

/** An image as CRI shows it. Its size is what it had in the registry. */
export function imageMessage(image: StoredImage): Image {
  return create(ImageSchema, {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
    ...imageUser(image.config.user),
  });
}

/** `user[:group]` of an image: a number or a name; nothing when it has none. A number that is no user is a name. */
export function imageUser(text: string): { readonly uid?: { readonly value: bigint }; readonly username?: string } {
  const [user = ""] = text.split(":", 1);
  if (user === "") return {};
  if (/^[0-9]{1,10}$/.test(user) && BigInt(user) <= maxUid) return { uid: { value: BigInt(user) } };
  return { username: user };
}

/** What verbose ImageStatus shows, as containerd does: the chain ID and the image's own specification. */
export function imageInfo(image: StoredImage): Readonly<Record<string, Json>> {
  const { config } = image;
  return {
    info: {
      chainID: image.layers.at(-1)?.chainId ?? "",
      layers: image.layers.map(({ digest, diffId, chainId, size }) => ({ digest, diffId, chainId, size })),
      imageSpec: {
        created: config.created,
        author: config.author,
        os: config.platform.os,
        architecture: config.platform.architecture,
        config: {
          User: config.user,
          Env: config.env,
          Entrypoint: config.entrypoint,
          Cmd: config.cmd,
          WorkingDir: config.workingDir,
          StopSignal: config.stopSignal,
          Volumes: config.volumes,
          ExposedPorts: config.exposedPorts,
          Labels: [...config.labels].map(([name, value]) => ({ name, value })),
        },
      },
    },
  };
}
