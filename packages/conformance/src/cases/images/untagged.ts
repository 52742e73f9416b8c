import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const untaggedIsLatest: Case = defineCase({
  name: "an image that is named without a tag is the one with the tag latest, in pull, status and removal",
  cites: "distribution reference: no tag is latest; runtime.v1 ImageSpec.image",
  covers: ["ImageSpec.image", "PullImageRequest.image", "ImageStatusRequest.image", "RemoveImageRequest.image"],
  alone: "images",
  critest: ["[k8s.io] Image Manager public image without tag should be pulled and removed [Conformance] [Serial]"],
  async run({ cri, images, defer }) {
    const image = images.untagged;
    defer("image", () => cri.removeImage({ image: { image } }));
    await expectSuccess(cri.pullImage({ image: { image } }));
    const status = async (name: string) => (await cri.imageStatus({ image: { image: name } })).image;
    expect((await status(image))?.repoTags).toContain(`${image}:latest`);
    expect((await status(`${image}:latest`))?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    await expectSuccess(cri.removeImage({ image: { image } }));
    expect(await status(`${image}:latest`)).toBeUndefined();
  },
});

export const imagesEachOnce: Case = defineCase({
  name: "ListImages has each of three images that were pulled, once, with its own ID",
  cites: "runtime.v1 ListImages: all images, each once, however many names it has",
  covers: ["ListImagesResponse.images", "Image.id"],
  alone: "images",
  critest: ["[k8s.io] Image Manager listImage should get exactly 3 image in the result list [Conformance] [Serial]"],
  async run({ cri, images }) {
    const names = [images.untagged, images.userNumber, images.userName];
    for (const image of names) await cri.pullImage({ image: { image } });
    const ids = await Promise.all(names.map(async (image) => (await cri.imageStatus({ image: { image } })).image?.id));
    const { images: listed } = await cri.listImages({});
    for (const id of ids) expect(listed.filter((one) => one.id === id)).toHaveLength(1);
    expect(new Set(ids).size).toBe(3);
  },
});
