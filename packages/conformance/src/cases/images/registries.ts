import { expect, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";

const ofTheSuite = { needs: ["own-images"], alone: "images" } as const;

/** Pulls one image from two registries. @returns its names and what the pulls answered */
async function pullTwice({ cri, images, defer }: Stage) {
  const { withUser, elsewhere } = images.own ?? fail("the target has no images of the suite's own");
  const { image, username, password } = withUser;
  defer("image", () => cri.removeImage({ image: { image } }));
  const one = await expectSuccess(cri.pullImage({ image: { image }, auth: { username, password } }));
  const other = await expectSuccess(cri.pullImage({ image: { image: elsewhere } }));
  return { names: [image, elsewhere], ids: [one.imageRef, other.imageRef] };
}

export const fromTwoRegistries: Case = defineCase({
  ...ofTheSuite,
  name: "an image that two registries have is one image, with the tags and digests of both",
  cites: "runtime.v1 Image.id: the digest of its configuration; ListImages: each once, however many names it has",
  covers: ["Image.id", "Image.repo_tags", "Image.repo_digests"],
  critest: [
    "[k8s.io] Image Identifier Consistency should return the same image identifier when pulled from different registries [Conformance] [Serial]",
  ],
  async run(stage) {
    const { names, ids } = await pullTwice(stage);
    expect(new Set(ids).size).toBe(1);
    const all = (await stage.cri.listImages({})).images.filter(({ repoTags }) => repoTags.includes(names[0] ?? ""));
    expect(all.map(({ id }) => id)).toEqual(ids.slice(0, 1));
    expect(all[0]?.repoTags.toSorted()).toEqual(names.toSorted());
    const repositories = all[0]?.repoDigests.map((digest) => digest.replace(/@.*$/, ""));
    expect(repositories?.toSorted()).toEqual(names.map((name) => name.replace(/:1$/, "")).toSorted());
    for (const image of names) expect((await stage.cri.imageStatus({ image: { image } })).image).toEqual(all[0]);
  },
});

export const removedFromBoth: Case = defineCase({
  ...ofTheSuite,
  name: "RemoveImage by the name of one registry removes the names of another, too",
  cites: "runtime.v1 RemoveImage: removes an image with all its names, whichever of them was given",
  covers: ["RemoveImageRequest.image"],
  critest: [
    "[k8s.io] Image Manager removing image from one registry should remove all tags from other registries [Conformance] [Serial]",
  ],
  async run(stage) {
    const { names } = await pullTwice(stage);
    await expectSuccess(stage.cri.removeImage({ image: { image: names[0] ?? "" } }));
    for (const image of names) expect((await stage.cri.imageStatus({ image: { image } })).image, image).toBeUndefined();
  },
});
