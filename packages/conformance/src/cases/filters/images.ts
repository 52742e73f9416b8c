import { expect, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const imageByEachName: Case = defineCase({
  name: "ListImages by tag, by digest and by ID has the one image",
  cites: "runtime.v1 ImageFilter.image: by any of its names or by ID",
  covers: ["ListImagesRequest.filter", "ImageFilter.image", "ListImagesResponse.images"],
  async run({ cri, image, images }) {
    await cri.pullImage({ image: { image: images.userNumber } }); // so that there is another one
    const found = (await cri.imageStatus({ image: { image } })).image ?? fail("the image is not there");
    for (const name of [image, found.repoDigests[0] ?? "", found.id]) {
      const listed = await cri.listImages({ filter: { image: { image: name } } });
      expect(listed.images, name).toEqual([found]);
    }
  },
});

export const noSuchImage: Case = defineCase({
  name: "ListImages by an image that is not there is empty, and no error",
  cites: "runtime.v1 ImageFilter.image: one that is not there passes none and is no error",
  covers: ["ImageFilter.image"],
  async run({ cri, images }) {
    for (const image of [images.missing, `sha256:${"0".repeat(64)}`]) {
      const answer = await expectSuccess(cri.listImages({ filter: { image: { image } } }));
      expect(answer.images, image).toEqual([]);
    }
  },
});

export const everyImage: Case = defineCase({
  name: "ListImages without a filter and with an empty one has every image, each once",
  cites: "runtime.v1 ListImages: each once, however many names it has; ImageFilter.image: unset passes all",
  covers: ["ListImagesResponse.images"],
  async run({ cri, image, images }) {
    await cri.pullImage({ image: { image: images.userNumber } });
    const wanted = await Promise.all(
      [image, images.userNumber].map(async (one) => (await cri.imageStatus({ image: { image: one } })).image?.id ?? ""),
    );
    for (const request of [{}, { filter: {} }, { filter: { image: { image: "" } } }]) {
      const listed = (await cri.listImages(request)).images.map(({ id }) => id);
      expect(wanted.filter((id) => !listed.includes(id))).toEqual([]);
      expect(new Set(listed).size).toBe(listed.length);
    }
  },
});
