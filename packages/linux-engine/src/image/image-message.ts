import { create } from "@bufbuild/protobuf";
import { type Image, ImageSchema } from "@keelson/cri-api/v1";
import type { StoredImage } from "@keelson/image-store";
import type { Json } from "@keelson/runtime-core/ports";

const maxUid = 2n ** 31n - 1n;

/** An image as CRI shows it. Its size is what it had in the registry; `spec` has the annotations of its manifest, as CRI-O's. */
export function imageMessage(image: StoredImage, pinned: boolean): Image {
  return create(ImageSchema, {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
    ...imageUser(image.config.user),
    spec: { annotations: Object.fromEntries(image.annotations) },
    pinned,
  });
}

/** `user[:group]` of an image: a number or a name; nothing when it has none. A number that is no user is a name. */
export function imageUser(text: string): { readonly uid?: { readonly value: bigint }; readonly username?: string } {
  const [user = ""] = text.split(":", 1);
  if (user === "") return {};
  if (/^[0-9]{1,10}$/.test(user) && BigInt(user) <= maxUid) return { uid: { value: BigInt(user) } };
  return { username: user };
}

/** What verbose ImageStatus shows, as containerd does: the chain ID and the image's own specification (OCI image-spec). */
export function imageInfo(image: StoredImage): Readonly<Record<string, Json>> {
  const { config } = image;
  return {
    info: {
      chainID: image.layers.at(-1)?.chainId ?? "",
      layers: image.layers.map(({ digest, diffId, chainId, size }) => ({ digest, diffId, chainId, size })),
      imageSpec: {
        ...present({ created: config.created, author: config.author }),
        os: config.platform.os,
        architecture: config.platform.architecture,
        config: present({
          User: config.user,
          Env: config.env,
          Entrypoint: config.entrypoint,
          Cmd: config.cmd,
          WorkingDir: config.workingDir,
          StopSignal: config.stopSignal,
          Volumes: asKeys(config.volumes),
          ExposedPorts: asKeys(config.exposedPorts),
          Labels: Object.fromEntries(config.labels),
        }),
        rootfs: { type: "layers", diff_ids: config.diffIds },
      },
    },
  };
}

/** As the specification writes a set. */
const asKeys = (names: readonly string[]): Json => Object.fromEntries(names.map((name) => [name, {}]));

/** Without what is empty, as images are written. */
function present(fields: Readonly<Record<string, Json>>): Json & object {
  const isEmpty = (value: Json): boolean =>
    value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}
