import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const removedIsGone: Case = defineCase({
  name: "a removed image is in no answer from then on, and can be pulled again",
  cites: "runtime.v1 RemoveImageResponse: no list shows the image any more",
  covers: ["RemoveImageRequest.image"],
  critest: [
    "[k8s.io] Image Consistency should not list or get image status immediately after removal [Conformance] [Serial]",
  ],
  alone: "images",
  async run({ cri, images, defer }) {
    const [image] = images.tags;
    defer("image", () => cri.removeImage({ image: { image } }).catch(() => undefined));
    const { imageRef } = await cri.pullImage({ image: { image } });
    await expectSuccess(cri.removeImage({ image: { image } }));
    expect((await cri.imageStatus({ image: { image } })).image).toBeUndefined();
    expect((await cri.imageStatus({ image: { image: imageRef } })).image).toBeUndefined();
    expect((await cri.listImages({})).images.filter(({ id }) => id === imageRef)).toEqual([]);
    expect((await cri.pullImage({ image: { image } })).imageRef).toBe(imageRef);
    expect((await cri.imageStatus({ image: { image } })).image?.id).toBe(imageRef);
  },
});

export const allNamesGo: Case = defineCase({
  name: "RemoveImage by one tag, and by ID, removes the image with all its names",
  cites: "runtime.v1 RemoveImage: removes an image with all its names, whichever of them was given",
  covers: ["RemoveImageRequest.image"],
  critest: ["[k8s.io] Image Manager removing image by one tag should remove all tags [Conformance] [Serial]"],
  alone: "images",
  async run({ cri, images, defer }) {
    const [first] = images.tags;
    defer("images", () => cri.removeImage({ image: { image: first } }).catch(() => undefined));
    for (const by of ["tag", "ID"]) {
      let id = "";
      for (const image of images.tags) id = (await cri.pullImage({ image: { image } })).imageRef;
      await expectSuccess(cri.removeImage({ image: { image: by === "tag" ? images.tags[1] : id } }));
      for (const image of [...images.tags, id]) {
        expect((await cri.imageStatus({ image: { image } })).image, `${image}, removed by ${by}`).toBeUndefined();
      }
    }
  },
});

export const containersGoOn: Case = defineCase({
  name: "RemoveImage does not harm the containers that were made from the image",
  cites: "runtime.v1 RemoveImage: containers made from it are not harmed",
  covers: ["RemoveImageRequest.image", "ContainerStatus.state"],
  alone: "images",
  async run({ cri, pod, images, defer }) {
    const [image] = images.tags;
    const command = { stdout: "still here" };
    defer("image", () => cri.removeImage({ image: { image } }).catch(() => undefined));
    await cri.pullImage({ image: { image } });
    const [running, created] = [await pod.start({ image, program: { exec: [command] } }), await pod.create({ image })];
    await expectSuccess(cri.removeImage({ image: { image } }));
    expect((await running.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
    expect(await running.exec(command)).toMatchObject({ stdout: "still here", exitCode: 0 });
    await expectSuccess(created.start());
    await created.untilLogged("ready");
    await expectFailure(pod.create({ image }), ["NOT_FOUND", "UNKNOWN"]);
  },
});

export const othersStay: Case = defineCase({
  name: "RemoveImage leaves other images alone",
  cites: "runtime.v1 RemoveImage: removes an image with all its names",
  covers: ["RemoveImageRequest.image"],
  alone: "images",
  async run({ cri, image: other, images, defer }) {
    const [image] = images.tags;
    defer("image", () => cri.removeImage({ image: { image } }).catch(() => undefined));
    await cri.pullImage({ image: { image } });
    const before = (await cri.imageStatus({ image: { image: other } })).image;
    expect(before).toBeDefined();
    await cri.removeImage({ image: { image } });
    expect((await cri.imageStatus({ image: { image } })).image).toBeUndefined();
    expect((await cri.imageStatus({ image: { image: other } })).image).toEqual(before);
  },
});
