import { closeSync, fstatSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { CriError, quote } from "@keelson/cri-api/errors";
import { type ContainerConfig, ImageSpecSchema, type Mount } from "@keelson/cri-api/v1";
import { type AnyStep, type Json, step } from "@keelson/runtime-core/ports";
import { openInRoot } from "../../sys/in-root.ts";
import { mount } from "../../sys/mount.ts";
import { O_PATH } from "../../sys/openat2.ts";
import { overlayMount } from "../../sys/overlay-mount.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";
import { removeMountPoint, unmountIfMounted } from "./mount-rootfs.ts";

type ImageMountPlan = {
  /** Its place among the mounts of the request. */
  readonly index: number;
  /** As the request names it. */
  readonly image: string;
  readonly subPath: string;
  /** Of the layer that it is seen through. */
  readonly key: string;
};

export type MountImagesPlan = { readonly folder: string; readonly images: readonly ImageMountPlan[] };

/** `source`: what of it goes into the container. */
export type ImageMountFacts = { readonly index: number; readonly source: string; readonly imageId: string };

export type MountImagesFacts = { readonly images: readonly ImageMountFacts[] };

const mountImagesName = "mount-images";

const flags = ["readOnly", "noSuid", "noDev"] as const;

/** Mounts the images that a request mounts into its container, read-only; each has a layer that keeps it on the node. */
export const mountImages: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  MountImagesPlan,
  MountImagesFacts
>({
  name: mountImagesName,
  heldUntil: "remove",
  plan: ({ record }, { paths }) => {
    const images = imagesOf(record.config).map(({ index, image, subPath }) => ({
      index,
      image,
      subPath,
      key: `${record.id}-${index}`,
    }));
    return images.length === 0 ? undefined : { folder: paths.imageMounts(record.id), images };
  },
  apply: async ({ folder, images }, tools, task) => {
    await mkdir(folder, { mode: 0o700 });
    const made: ImageMountFacts[] = [];
    for (const plan of images) {
      task.stage("mounting image", quote(plan.image));
      made.push(await mountImage(folder, plan, tools));
    }
    return { images: made };
  },
  revert: async ({ folder, images }, _facts, tools) => {
    await removeImageMounts(folder);
    for (const { key } of images) await tools.snapshots.remove(key);
  },
});

/** What was mounted of images; empty where the request mounts none. */
export function mountedImages(earlier: ReadonlyMap<string, Json>): readonly ImageMountFacts[] {
  return (earlier.get(mountImagesName) as MountImagesFacts | undefined)?.images ?? [];
}

/** The mounts of a request as ContainerStatus shows them: an image's with the ID of what was mounted (KEP-5365). */
export function shownMounts(mounts: readonly Mount[], images: readonly ImageMountFacts[]): readonly Mount[] {
  return mounts.map((one, index) => {
    const mounted = images.find((facts) => facts.index === index);
    if (mounted === undefined || one.image === undefined) return one;
    return { ...one, image: { ...one.image, imageRef: mounted.imageId } };
  });
}

/** The container of a layer that a mounted image has; undefined for a container's own layer. */
export function imageMountOwner(key: string): string | undefined {
  return /^([0-9a-f]{64})-\d+$/.exec(key)?.[1];
}

/** Unmounts all that is mounted below a container's folder of images, and removes it. Succeeds when there is none. */
export async function removeImageMounts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names.toSorted().toReversed()) {
    const target = join(folder, name); // the part of an image before the image
    await unmountIfMounted(target);
    await removeTarget(target);
  }
  await removeMountPoint(folder);
}

function imagesOf(config: ContainerConfig): { index: number; image: string; subPath: string }[] {
  return config.mounts.flatMap(({ image, imageSubPath }, index) =>
    image === undefined || image.image === "" ? [] : [{ index, image: image.image, subPath: imageSubPath }],
  );
}

async function mountImage(folder: string, plan: ImageMountPlan, tools: ContainerTools): Promise<ImageMountFacts> {
  const { index, image, subPath, key } = plan;
  const found = await tools.findImage(create(ImageSpecSchema, { image }));
  const { lower, upper } = await tools.snapshots.prepare(key, found.id);
  const whole = join(folder, String(index));
  await mkdir(whole, { mode: 0o700 });
  await overlayMount({ target: whole, lower: [upper, ...lower], flags });
  if (subPath === "") return { index, source: whole, imageId: found.id };
  const source = join(folder, `${index}-part`);
  await mountPart({ whole, subPath, source, image });
  return { index, source, imageId: found.id };
}

/**
 * Resolved inside the image, and mounted from what was opened: no link leads out (THREATS T4.02).
 * @throws UNKNOWN with the kubelet's word for it when there is nothing that can be mounted
 */
async function mountPart(part: {
  readonly whole: string;
  readonly subPath: string;
  readonly source: string;
  readonly image: string;
}): Promise<void> {
  const { whole, subPath, source, image } = part;
  const fd = await openInRoot(whole, subPath, O_PATH).catch((cause: unknown) => {
    if (!isErrno(cause, "ENOENT", "ENOTDIR", "ELOOP")) throw cause;
    throw noSuchPart(image, subPath, "it is not there", cause);
  });
  try {
    const stats = fstatSync(fd);
    if (stats.isDirectory()) await mkdir(source, { mode: 0o700 });
    else if (stats.isFile()) await writeFile(source, "", { mode: 0o600, flag: "wx" });
    else throw noSuchPart(image, subPath, "it is no folder and no file");
    await mount({ source: `/proc/self/fd/${fd}`, target: source, flags: ["bind"] });
  } finally {
    closeSync(fd);
  }
}

function noSuchPart(image: string, subPath: string, why: string, cause?: unknown): CriError {
  return new CriError("NOT_FOUND", `mount ${quote(subPath)} of image ${quote(image)}: ${why}`, {
    cause,
    prefix: "ImageVolumeMountFailed",
    hint: "look for the path in the image",
  });
}

/** A mount point of ours: an empty folder, or an empty file. */
async function removeTarget(target: string): Promise<void> {
  try {
    await rmdir(target);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "ENOTDIR")) throw error;
    await rm(target, { force: true });
  }
}
