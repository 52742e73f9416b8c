import { expect, expectFailure, expectRefusal, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const pulledIsThere: Case = defineCase({
  name: "ImageStatus of a pulled image has its ID, tag, digest and size",
  cites: "runtime.v1 Image: id, repo_tags, repo_digests, size; the kubelet refuses a size of 0",
  covers: [
    "PullImageRequest.image",
    "ImageStatusRequest.image",
    "ImageStatusResponse.image",
    "Image.id",
    "Image.repo_tags",
    "Image.repo_digests",
    "Image.size",
  ],
  critest: [
    "[k8s.io] Image Manager public image with tag should be pulled and removed [Conformance] [Serial]",
    "[k8s.io] Image Consistency should list and get image status immediately after pulling [Conformance] [Serial]",
  ],
  async run({ cri, image }) {
    await cri.pullImage({ image: { image } });
    const status = (await cri.imageStatus({ image: { image } })).image;
    expect(status).toBeDefined();
    expect(status?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(status?.repoTags).toContain(image);
    expect(status?.repoDigests[0]).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(status?.size).toBeGreaterThan(0n);
  },
});

export const oneIdentifier: Case = defineCase({
  name: "PullImage, ImageStatus, ListImages and a container all tell one ID of an image",
  cites: "runtime.v1 PullImageResponse.image_ref: equal to Image.id; Image.id: the same in Container.image_id",
  covers: ["PullImageResponse.image_ref", "Image.id", "Container.image_ref"],
  critest: [
    "[k8s.io] Image Identifier Consistency should return the same image identifier across all APIs [Conformance] [Serial]",
  ],
  async run({ cri, pod, image }) {
    const { imageRef } = await cri.pullImage({ image: { image } });
    expect((await cri.imageStatus({ image: { image } })).image?.id).toBe(imageRef);
    const listed = (await cri.listImages({})).images.filter(({ repoTags }) => repoTags.includes(image));
    expect(listed.map(({ id }) => id)).toEqual([imageRef]);
    const c = await pod.create();
    const { containers } = await cri.listContainers({ filter: { id: c.id } });
    expect(containers.map((one) => one.imageRef)).toEqual([imageRef]);
  },
});

export const byDigest: Case = defineCase({
  name: "PullImage by digest has the same image as by tag, and names no tag",
  cites: "runtime.v1 PullImageRequest.image: by a tag or a digest",
  covers: ["PullImageRequest.image", "Image.repo_digests", "PullImageResponse.image_ref"],
  critest: ["[k8s.io] Image Manager public image with digest should be pulled and removed [Conformance] [Serial]"],
  alone: "images",
  async run({ cri, images, defer }) {
    const [image] = images.tags;
    defer("image", () => cri.removeImage({ image: { image } }).catch(() => undefined));
    const { imageRef } = await cri.pullImage({ image: { image } });
    const [digest = ""] = (await cri.imageStatus({ image: { image } })).image?.repoDigests ?? [];
    expect(digest).toMatch(/@sha256:[0-9a-f]{64}$/);
    await cri.removeImage({ image: { image } });
    expect((await cri.pullImage({ image: { image: digest } })).imageRef).toBe(imageRef);
    const found = (await cri.imageStatus({ image: { image: digest } })).image;
    expect(found).toMatchObject({ id: imageRef, repoTags: [], repoDigests: [digest] });
    await cri.removeImage({ image: { image: digest } });
    expect((await cri.imageStatus({ image: { image: digest } })).image).toBeUndefined();
  },
});

export const severalTags: Case = defineCase({
  name: "an image that was pulled by three tags is one image with three tags",
  cites: "runtime.v1 ListImages: each once, however many names it has; Image.repo_tags",
  covers: ["Image.repo_tags", "ListImagesResponse.images"],
  critest: [
    "[k8s.io] Image Manager listImage should get exactly 3 repoTags in the result image [Conformance] [Serial]",
  ],
  alone: "images",
  async run({ cri, images, defer }) {
    const [first] = images.tags;
    defer("images", () => cri.removeImage({ image: { image: first } }).catch(() => undefined));
    const refs = new Set<string>();
    for (const image of images.tags) refs.add((await cri.pullImage({ image: { image } })).imageRef);
    expect(refs.size).toBe(1);
    const all = (await cri.listImages({})).images.filter(({ repoTags }) => repoTags.includes(first));
    expect(all.map(({ repoTags }) => repoTags.toSorted())).toEqual([images.tags.toSorted()]);
    for (const image of images.tags) expect((await cri.imageStatus({ image: { image } })).image).toEqual(all[0]);
  },
});

export const byEachName: Case = defineCase({
  name: "ImageStatus by tag, by digest and by ID finds the same image",
  cites: "runtime.v1 ImageService: all names of one image find the same image",
  covers: ["ImageStatusRequest.image", "ImageSpec.image"],
  critest: ["[k8s.io] Image Manager image status should support all kinds of references [Conformance] [Serial]"],
  async run({ cri, image }) {
    const found = (await expectSuccess(cri.imageStatus({ image: { image } }))).image ?? fail("the image is not there");
    for (const name of [found.repoDigests[0] ?? "", found.id, found.id.replace("sha256:", "")]) {
      expect((await cri.imageStatus({ image: { image: name } })).image, name).toEqual(found);
    }
  },
});

export const notInTheRegistry: Case = defineCase({
  name: "PullImage of an image that no registry has is NotFound, and leaves no image",
  cites: "runtime.v1 PullImage: NotFound, the registry has no such image",
  covers: ["PullImageRequest.image"],
  async run({ cri, images }) {
    const image = { image: images.missing };
    await expectFailure(cri.pullImage({ image }), "NOT_FOUND");
    expect((await cri.imageStatus({ image })).image).toBeUndefined();
  },
});

export const noReference: Case = defineCase({
  name: "PullImage of what is no reference is refused, and says which it was",
  cites: "runtime.v1 ImageSpec.image: NAME:TAG, NAME@DIGEST or NAME alone",
  covers: ["PullImageRequest.image"],
  async run({ cri }) {
    for (const image of ["Upper/Case:Tag", "a b", "name:tag:tag", "name@sha256:short"]) {
      await expectRefusal(cri.pullImage({ image: { image } }), /reference|pars|inval/i);
    }
  },
});

export const forAPod: Case = defineCase({
  name: "PullImage takes the pod that it is for, annotations and empty credentials, and pulls the same image",
  cites: "runtime.v1 PullImageRequest: auth, sandbox_config; ImageSpec.annotations: hints",
  covers: [],
  async run({ cri, pod, image }) {
    const { imageRef } = await cri.pullImage({ image: { image } });
    const answer = await cri.pullImage({
      image: { image, annotations: { "example.com/hint": "none" } },
      auth: {},
      sandboxConfig: pod.config,
    });
    expect(answer.imageRef).toBe(imageRef);
  },
});
