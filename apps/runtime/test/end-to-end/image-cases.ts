import { describe, expect, test } from "vitest";
import { runPod } from "./pod.ts";
import type { Stage } from "./suite.ts";

export function imageCases(stage: Stage): void {
  const other = (): string => {
    const [, second = ""] = stage.runtime().references;
    return second;
  };

  describe("images", () => {
    test("are on the node from their pull to their removal", async () => {
      const { images } = stage.cri();
      const image = { image: other() };
      expect((await images.imageStatus({ image })).image).toBeUndefined();
      const { imageRef } = await images.pullImage({ image });
      const { image: found } = await images.imageStatus({ image });
      expect(found?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(found?.repoTags).toEqual([other()]);
      expect(found?.repoDigests).toEqual([expect.stringMatching(/@sha256:[0-9a-f]{64}$/)]);
      expect(found?.size).toBeGreaterThan(0n);
      expect([found?.id, ...(found?.repoDigests ?? [])]).toContain(imageRef);
      expect((await images.pullImage({ image })).imageRef).toBe(imageRef);
      for (const name of [found?.id ?? "", imageRef]) {
        expect((await images.imageStatus({ image: { image: name } })).image?.id).toBe(found?.id);
      }
      await images.removeImage({ image });
      await images.removeImage({ image });
      expect((await images.imageStatus({ image })).image).toBeUndefined();
    });

    test("are listed, all or the one that is asked for", async () => {
      const { images } = stage.cri();
      await images.pullImage({ image: { image: other() } });
      const all = (await images.listImages({})).images.flatMap((one) => one.repoTags);
      expect(all).toEqual(expect.arrayContaining([stage.image(), other()]));
      const one = (await images.listImages({ filter: { image: { image: other() } } })).images;
      expect(one.map((found) => found.repoTags)).toEqual([[other()]]);
      const none = (await images.listImages({ filter: { image: { image: `${other()}-not` } } })).images;
      expect(none).toEqual([]);
      await images.removeImage({ image: { image: other() } });
    });

    test("that the registry does not have are not found", async () => {
      const missing = `${stage.image()}-${stage.draw.name()}`;
      const pull = stage.cri().images.pullImage({ image: { image: missing } });
      await expect(pull).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining(missing) });
    });

    test("with a name that is none are refused", async () => {
      for (const image of ["", "Upper/Case", "a:b:c", "a@sha256:12"]) {
        const pull = stage.cri().images.pullImage({ image: { image } });
        await expect(pull, image).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
    });

    test("that are not on the node can't be run; the answer says to pull", async () => {
      const pod = await runPod(stage);
      const config = { ...pod.container("main"), image: { image: other() } };
      const create = stage.cri().runtime.createContainer({ podSandboxId: pod.id, config, sandboxConfig: pod.config });
      await expect(create).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("pull") });
      await pod.remove();
    });

    test("take space that is told", async () => {
      const { imageFilesystems } = await stage.cri().images.imageFsInfo({});
      expect(imageFilesystems[0]?.usedBytes?.value).toBeGreaterThan(0n);
      expect(imageFilesystems[0]?.fsId?.mountpoint).toMatch(/^\//);
      expect(imageFilesystems[0]?.timestamp).toBeGreaterThan(0n);
    });
  });
}
