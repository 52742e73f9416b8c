import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const pulledIsThere: Case = defineCase({
  name: "ImageStatus of a pulled image has its ID, tag, digest and size",
  cites: "runtime.v1 Image: id, repo_tags, repo_digests, size; the kubelet refuses a size of 0",
  covers: [
    "PullImageRequest.image",
    "ImageStatusRequest.image",
    "Image.id",
    "Image.repo_tags",
    "Image.repo_digests",
    "Image.size",
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
