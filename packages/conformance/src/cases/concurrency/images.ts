import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const removalsAtOnce: Case = defineCase({
  name: "RemoveImage calls of one image at one moment all succeed, and the image is gone",
  cites: "runtime.v1 RemoveImage: idempotent; with all its names",
  covers: ["RemoveImageRequest.image"],
  alone: "images",
  critest: ["[k8s.io] Image Consistency should not fail on simultaneous RemoveImage calls [Conformance] [Serial]"],
  async run({ cri, images, defer }) {
    const [one, two] = images.tags;
    defer("image", () => cri.removeImage({ image: { image: one } }));
    await cri.pullImage({ image: { image: one } });
    await cri.pullImage({ image: { image: two } });
    const remove = (image: string) => expectSuccess(cri.removeImage({ image: { image } }));
    await Promise.all([remove(one), remove(two), remove(one), remove(two)]);
    for (const image of [one, two]) expect((await cri.imageStatus({ image: { image } })).image).toBeUndefined();
  },
});

export const pullAndRemove: Case = defineCase({
  name: "PullImage and RemoveImage of one image at one moment leave a whole image or none",
  cites: "runtime.v1 PullImage, RemoveImage: each is done or not",
  covers: ["RemoveImageRequest.image"],
  alone: "images",
  async run({ cri, images, pod }) {
    const [image] = images.tags;
    await cri.pullImage({ image: { image } });
    await Promise.allSettled([cri.removeImage({ image: { image } }), cri.pullImage({ image: { image } })]);
    const left = (await cri.imageStatus({ image: { image } })).image;
    if (left !== undefined) await expectSuccess(pod.start({ image }));
    await expectSuccess(cri.pullImage({ image: { image } }));
    const c = await expectSuccess(pod.start({ image }));
    expect((await c.status()).imageRef).toMatch(/@?sha256:[0-9a-f]{64}$/);
    await c.remove();
    await cri.removeImage({ image: { image } });
    expect((await cri.imageStatus({ image: { image } })).image).toBeUndefined();
  },
});
