import { isCriError } from "@keelson/cri-api/errors";
import { expect, expectRefusal, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { recorded } from "../status/recorded.ts";

export const contentOfAnImage: Case = defineCase({
  name: "an image that is mounted into a container shows its files, and can't be written",
  cites: "runtime.v1 Mount.image: the content of an image, read-only, in place of host_path; KEP-4639",
  covers: ["Mount.image", "Mount.container_path"],
  critest: ["[k8s.io] Image Volume [Feature:ImageVolume] should correctly mount image and enforce read-only"],
  async run({ cri, pod, images }) {
    const image = { image: images.userName };
    await cri.pullImage({ image });
    const c = await expectSuccess(
      pod.start({ config: { mounts: [{ containerPath: "/volume", image, readonly: true }] } }),
    );
    const found = await c.observe({
      inside:
        "grep -c www-data /volume/etc/passwd\n" +
        "if touch /volume/file 2>/dev/null; then echo writable; else echo read-only; fi",
      recorded({ config }) {
        const [one] = JSON.parse(recorded(config, "mounts") || "[]") as readonly Record<string, unknown>[];
        const there = recorded(one, "image.image") === images.userName && one?.container_path === "/volume";
        return `${there ? 1 : 0}\nread-only`;
      },
    });
    expect(found).toBe("1\nread-only");
  },
});

export const partOfAnImage: Case = defineCase({
  name: "a folder and a file of an image can be mounted in place of its root",
  cites: "runtime.v1 Mount.image_sub_path: folder or file in the image; KEP-4639",
  covers: ["Mount.image_sub_path"],
  critest: ["[k8s.io] Image Volume [Feature:ImageVolume] subPath should succeed when using a valid subPath"],
  async run({ cri, pod, images }) {
    const image = { image: images.userName };
    await cri.pullImage({ image });
    const mounts = [
      { containerPath: "/folder", image, imageSubPath: "etc", readonly: true },
      { containerPath: "/file", image, imageSubPath: "etc/passwd", readonly: true },
    ];
    const c = await pod.start({ config: { mounts } });
    const found = await c.observe({
      inside: "grep -c www-data /folder/passwd; grep -c www-data /file",
      recorded({ config }) {
        const kept = JSON.parse(recorded(config, "mounts") || "[]") as readonly Record<string, string>[];
        return kept.map((one, at) => (one.image_sub_path === mounts[at]?.imageSubPath ? "1" : "0")).join("\n");
      },
    });
    expect(found).toBe("1\n1");
  },
});

export const missingPart: Case = defineCase({
  name: "a part of an image that is not there fails the create with a message that begins with ImageVolumeMountFailed",
  cites: "runtime.v1 Mount.image_sub_path: one that is not there is an error that begins ImageVolumeMountFailed",
  covers: [],
  critest: ["[k8s.io] Image Volume [Feature:ImageVolume] subPath should fail when subPath does not exist in the image"],
  needs: ["inside"],
  async run({ cri, pod, images }) {
    const image = { image: images.userName };
    await cri.pullImage({ image });
    await pod.run();
    const mounts = [{ containerPath: "/volume", image, imageSubPath: "there/is/none", readonly: true }];
    const failure = await pod.create({ config: { mounts } }).then(
      () => fail("want a failure, got a container"),
      (error: unknown) => error,
    );
    // the client has taken the word from the beginning of the message
    expect(isCriError(failure) ? failure.prefix : failure).toBe("ImageVolumeMountFailed");
  },
});

export const imageOfAMount: Case = defineCase({
  name: "ContainerStatus tells which image a mount shows",
  cites: "runtime.v1 ImageSpec.image_ref: set by the runtime in ContainerStatus.mounts for an image volume",
  covers: ["ImageSpec.image_ref", "ContainerStatus.mounts"],
  critest: ["[k8s.io] Image Volume [Feature:ImageVolume] should return image digest in ContainerStatus mounts"],
  async run({ cri, pod, images }) {
    const image = { image: images.userName };
    const { imageRef } = await cri.pullImage({ image });
    const { repoDigests = [] } = (await cri.imageStatus({ image })).image ?? {};
    const c = await pod.create({ config: { mounts: [{ containerPath: "/volume", image, readonly: true }] } });
    const [mount] = (await c.status()).mounts;
    expect(mount?.containerPath).toBe("/volume");
    expect([imageRef, ...repoDigests]).toContain(mount?.image?.imageRef);
  },
});

export const writableImage: Case = defineCase({
  name: "an image can't be mounted to be written",
  cites: "runtime.v1 Mount.image: read-only; KEP-4639: a mount that is not read-only is refused",
  covers: [],
  critest: ["[k8s.io] Image Volume [Feature:ImageVolume] should reject Image Volume with Readonly set to false"],
  async run({ cri, pod, images }) {
    const image = { image: images.userName };
    await cri.pullImage({ image });
    await pod.run();
    await expectRefusal(pod.create({ config: { mounts: [{ containerPath: "/volume", image, readonly: false }] } }));
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
  },
});
