import { stat } from "node:fs/promises";
import { expect, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const missing: Case = defineCase({
  name: "ImageStatus of an image that is not there is an answer without an image",
  cites: "runtime.v1 ImageStatus: not an error, the kubelet decides by that whether to pull",
  covers: ["ImageStatusRequest.image"],
  async run({ cri, images }) {
    for (const image of [images.missing, `sha256:${"0".repeat(64)}`, `${images.missing}@sha256:${"0".repeat(64)}`]) {
      const answer = await expectSuccess(cri.imageStatus({ image: { image }, verbose: true }));
      expect(answer.image, image).toBeUndefined();
    }
  },
});

export const userOfTheImage: Case = defineCase({
  name: "ImageStatus tells the image's user: a number as uid, a name as username, none as neither",
  cites: "runtime.v1 Image: uid, username; the kubelet checks runAsNonRoot by them",
  covers: ["Image.uid", "Image.username"],
  critest: [
    "[k8s.io] Image Manager image status get image fields should not have Uid|Username empty [Conformance] [Serial]",
  ],
  async run({ cri, images }) {
    const userOf = async (image: string) => {
      await cri.pullImage({ image: { image } });
      const { uid, username } = (await cri.imageStatus({ image: { image } })).image ?? fail(`no image ${image}`);
      return { uid: uid?.value, username };
    };
    expect(await userOf(images.userNumber)).toEqual({ uid: 1002n, username: "" });
    expect(await userOf(images.userName)).toEqual({ uid: undefined, username: "www-data" });
    const root = await userOf(images.busybox);
    // root is no user, or the number 0
    expect([undefined, 0n]).toContain(root.uid);
    expect(root.username).toBe("");
  },
});

export const verboseImage: Case = defineCase({
  name: "a verbose ImageStatus has JSON in `info`, a plain one has none",
  cites: 'runtime.v1 ImageStatusResponse.info: one object under "info"',
  covers: ["ImageStatusRequest.verbose", "ImageStatusResponse.info"],
  async run({ cri, image, target }) {
    const { info } = await cri.imageStatus({ image: { image }, verbose: true });
    const found: unknown = JSON.parse(info.info ?? fail("there is no `info`"));
    if (target.has.includes("inside")) expect(found).toMatchObject({ imageSpec: { config: { Cmd: ["sh"] } } });
    else expect(found).toMatchObject({});
    expect((await cri.imageStatus({ image: { image } })).info).toEqual({});
  },
});

export const ordinaryIsNotPinned: Case = defineCase({
  name: "an ordinary image is not pinned: the kubelet may collect it",
  cites: "runtime.v1 Image.pinned: true, the kubelet does not collect it",
  covers: [],
  async run({ cri, image }) {
    const { image: found } = await cri.imageStatus({ image: { image } });
    expect(found).toMatchObject({ pinned: false });
    const listed = (await cri.listImages({})).images.filter(({ id }) => id === found?.id);
    expect(listed).toMatchObject([{ pinned: false }]);
  },
});

export const spaceOfImages: Case = defineCase({
  name: "ImageFsInfo tells where images are and what they take, which is not nothing",
  cites: "runtime.v1 ImageFsInfo: an answer without an image file system is an error for the kubelet",
  covers: [
    "ImageFsInfoResponse.image_filesystems",
    "FilesystemUsage.timestamp",
    "FilesystemUsage.fs_id",
    "FilesystemUsage.used_bytes",
    "FilesystemUsage.inodes_used",
    "FilesystemIdentifier.mountpoint",
    "UInt64Value.value",
  ],
  async run({ cri, until, target }) {
    // containerd measures every ten seconds
    const first = await until("images take space", async () => {
      const [one] = (await cri.imageFsInfo({})).imageFilesystems;
      return (one?.usedBytes?.value ?? 0n) > 0n ? one : undefined;
    });
    expect(first.timestamp).toBeGreaterThan(1_600_000_000_000_000_000n);
    expect(first.inodesUsed?.value).toBeGreaterThan(0n);
    expect(first.fsId?.mountpoint).toMatch(/^\//);
    if (target.has.includes("inside")) expect((await stat(first.fsId?.mountpoint ?? "")).isDirectory()).toBe(true);
  },
});

export const spaceOfContainers: Case = defineCase({
  name: "ImageFsInfo tells where writable layers are",
  cites: "runtime.v1 ImageFsInfoResponse.container_filesystems; KEP-4191",
  covers: ["ImageFsInfoResponse.container_filesystems"],
  async run({ cri }) {
    const { containerFilesystems } = await cri.imageFsInfo({});
    expect(containerFilesystems.length).toBeGreaterThan(0);
    for (const { timestamp, fsId } of containerFilesystems) {
      expect(timestamp).toBeGreaterThan(0n);
      expect(fsId?.mountpoint).toMatch(/^\//);
    }
  },
});
