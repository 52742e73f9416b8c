// The images that the cases pull, made here.
import { randomBytes } from "node:crypto";
import { type BuiltImage, busyboxImage, type TarEntry } from "@keelson/image-store/build";
import type { OwnImages, TargetImages } from "../src/target.ts";
import { login } from "./guarded-registry.ts";

/** Puts an image into a registry. @returns its reference */
export type Push = (name: string, image: BuiltImage) => Promise<string>;

const users: readonly TarEntry[] = [
  { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n" },
];

const members: readonly TarEntry[] = [
  { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nmember:x:1000:1000:member:/home:/bin/false\n" },
  { path: "etc/group", content: "root:x:0:\nmember:x:1000:\nmembers:x:50000:member\n" },
];

/** Fills a registry. `registry`: its host, for a name that it does not have. */
export async function pushImages(push: Push, registry: string): Promise<TargetImages> {
  const Labels = { content: randomBytes(8).toString("hex") };
  const tagged = busyboxImage({ config: { Labels } });
  // one after the other: the registry refuses a blob that comes twice at once
  return {
    busybox: await push("busybox:1", busyboxImage()),
    tags: [await push("tags:1", tagged), await push("tags:2", tagged), await push("tags:3", tagged)],
    untagged: (
      await push("untagged:latest", busyboxImage({ config: { Labels: { ...Labels, untagged: "" } } }))
    ).replace(/:latest$/, ""),
    userNumber: await push("user-number:1", busyboxImage({ config: { User: "1002" } })),
    userName: await push("user-name:1", busyboxImage({ layers: [users], config: { User: "www-data" } })),
    userInGroup: await push("user-in-group:1", busyboxImage({ layers: [members], config: { User: "1000" } })),
    missing: `${registry}/there-is-no-such-image:1`,
  };
}

/** The repository of the image that a target's node is told to keep. */
export const pinnedRepository = "pinned";

/** Fills a registry with images of the suite's own. `guarded`: the host that wants credentials, in front of the registry. */
export async function pushOwnImages(push: Push, guarded: string): Promise<OwnImages> {
  const image = (own: string): BuiltImage => busyboxImage({ config: { Labels: { own } } });
  const annotations = { "org.opencontainers.image.title": "annotated" };
  const { username, password, identityToken, registryToken } = login;
  const elsewhere = await push("with-user:1", image("with-user"));
  await push("with-token:1", image("with-token"));
  return {
    withUser: { image: `${guarded}/with-user:1`, username, password },
    elsewhere,
    withToken: { image: `${guarded}/with-token:1`, identityToken, registryToken },
    annotated: {
      image: await push("annotated:1", busyboxImage({ config: { Labels: { own: "annotated" } }, annotations })),
      annotations,
    },
    pinned: await push(`${pinnedRepository}:1`, image(pinnedRepository)),
  };
}
