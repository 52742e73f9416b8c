// The images of the scenarios, in one registry for both runtimes.
import { type BuiltImage, busyboxImage } from "@keelson/image-store/build";

export interface Images {
  readonly busybox: string;
  /** Three tags of one image that has no other name. */
  readonly tags: readonly [string, string, string];
  /** The same as `repo@digest`, and by ID. */
  readonly digest: string;
  readonly id: string;
  /** Images whose names are removed. */
  readonly removed: string;
  readonly oneOfTwo: readonly [string, string];
  /** One image in two repositories; the second comes first in the alphabet. */
  readonly repositories: readonly [string, string];
  readonly volumes: string;
  /** With `USER 1000:1000`, and with `USER www-data`. */
  readonly users: readonly [string, string];
  readonly missing: string;
}

/** @param push puts an image into the registry, and answers its reference */
export async function pushImages(push: (name: string, image: BuiltImage) => Promise<string>): Promise<Images> {
  const image = (content: string, config: Readonly<Record<string, unknown>> = {}): BuiltImage =>
    busyboxImage({ config: { Labels: { content }, ...config } });
  const [tagged, two, shared] = [image("tags"), image("two"), image("shared")];
  const tag = await push("tags:1", tagged);
  // one after the other: the registry refuses a blob that comes twice at once
  return {
    busybox: await push("busybox:1", busyboxImage()),
    tags: [tag, await push("tags:2", tagged), await push("tags:3", tagged)],
    digest: tag.replace(/:1$/, `@${tagged.manifest.descriptor.digest}`),
    id: tagged.config.descriptor.digest,
    removed: await push("removed:1", image("removed")),
    oneOfTwo: [await push("two:1", two), await push("two:2", two)],
    repositories: [await push("second:1", shared), await push("first:1", shared)],
    volumes: await push("volumes:1", image("volumes", { Volumes: { "/volume": {}, "/etc": {} } })),
    users: [
      await push("user-number:1", image("number", { User: "1000:1000" })),
      await push("user-name:1", image("name", { User: "www-data" })),
    ],
    missing: tag.replace(/tags:1$/, "there-is-no-such-image:1"),
  };
}
