import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { notFound } from "@keelson/cri-api/errors";
import type { ImageEngine } from "@keelson/runtime-core/ports";
import type { EngineImages } from "../src/engine.ts";

/** What the one image of {@link folderImages} is called. */
export const folderImageId = `sha256:${"b".repeat(64)}`;

/** One image, whose only layer is a plain folder: containers without a registry, a fetcher and an applier. */
export function folderImages(layer: string, root: string): EngineImages {
  const snapshots = join(root, "test-snapshots");
  const unused = (): never => {
    throw new Error("this test has no image engine");
  };
  const engine: ImageEngine = {
    list: unused,
    status: unused,
    inspect: unused,
    pull: unused,
    remove: unused,
    resolve: async ({ image }) => {
      known(image);
      return { id: image, ref: image };
    },
    fsInfo: unused,
  };
  const known = (imageId: string): void => {
    if (imageId !== folderImageId) throw notFound(`find image ${imageId}: it is not there`);
  };
  return {
    engine,
    holds: {
      hold: async (imageId) => known(imageId),
      release: async () => {},
      processConfig: async (imageId) => {
        known(imageId);
        return { env: ["PATH=/bin"], cmd: ["/bin/sh"] };
      },
    },
    snapshots: {
      prepare: async (key, imageId) => {
        known(imageId);
        const [upper, work] = [join(snapshots, key, "upper"), join(snapshots, key, "work")];
        for (const folder of [upper, work]) await mkdir(folder, { recursive: true });
        return { lower: [layer], upper, work };
      },
      remove: (key) => rm(join(snapshots, key), { recursive: true, force: true }),
      addFolder: async (key, name) => {
        const folder = join(snapshots, key, name);
        await mkdir(folder, { recursive: true });
        return folder;
      },
      removeFolder: (key, name) => rm(join(snapshots, key, name), { recursive: true, force: true }),
      usage: async () => new Map(),
      root: snapshots,
      list: async () => await readdir(snapshots).catch(() => []),
    },
    close: async () => {},
  };
}
