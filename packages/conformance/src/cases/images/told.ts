import { expect, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const annotationsOfAnImage: Case = defineCase({
  name: "an image tells the annotations of its manifest, in a status and in the list",
  cites: "runtime.v1 Image.spec: its annotations; CRI-O; OCI image-spec, Annotations",
  covers: ["Image.spec", "ImageSpec.annotations"],
  needs: ["own-images"],
  async run({ cri, images }) {
    const { image, annotations } = images.own?.annotated ?? fail("the target has no images of the suite's own");
    const { imageRef } = await cri.pullImage({ image: { image } });
    const found = (await cri.imageStatus({ image: { image } })).image;
    expect(found?.spec?.annotations).toMatchObject(annotations);
    const listed = (await cri.listImages({})).images.filter(({ id }) => id === imageRef);
    expect(listed).toMatchObject([{ spec: { annotations } }]);
  },
});

export const pinnedImage: Case = defineCase({
  name: "an image that the node is told to keep is pinned, in a status and in the list",
  cites: "runtime.v1 Image.pinned: the kubelet does not collect it; KEP-3721",
  covers: ["Image.pinned"],
  needs: ["own-images"],
  async run({ cri, images }) {
    const image = images.own?.pinned ?? fail("the target has no images of the suite's own");
    const { imageRef } = await cri.pullImage({ image: { image } });
    expect((await cri.imageStatus({ image: { image } })).image).toMatchObject({ id: imageRef, pinned: true });
    const listed = (await cri.listImages({})).images.filter(({ id }) => id === imageRef);
    expect(listed).toMatchObject([{ pinned: true }]);
  },
});
