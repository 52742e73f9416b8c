import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AnyStep, step } from "@keelson/runtime-core/ports";
import { serializeSpec } from "../../spec/index.ts";
import { buildBundle } from "../build-bundle.ts";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";
import { makeLogFile, removeEmptyLogFile } from "../log-file.ts";
import { filledVolumes } from "./fill-volumes.ts";
import { type ImageMountFacts, mountedImages } from "./mount-images.ts";

export type WriteBundlePlan = {
  readonly bundle: string;
  readonly logFolder: string;
  /** "" without a log. */
  readonly logPath: string;
  /** What was made for volumes of the image and for mounts of images; absent where there are none. */
  readonly volumes?: readonly { readonly target: string; readonly source: string }[];
  readonly images?: readonly ImageMountFacts[];
};

export type WriteBundleFacts = {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** As in `config.json`. */
  readonly cgroupsPath: string;
  /** The number of the signal that asks the container to end. */
  readonly stopSignal: number;
  /** What the container does not get in the form in which it was asked for. */
  readonly reported: readonly { readonly field: string; readonly value: string; readonly why: string }[];
};

export const writeBundleName = "write-bundle";

/** Writes the bundle (`config.json`) and makes the log file. */
export const writeBundle: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  WriteBundlePlan,
  WriteBundleFacts
>({
  name: writeBundleName,
  heldUntil: "remove",
  plan: ({ record, sandbox }, { paths }, earlier) => {
    const [volumes, images] = [filledVolumes(earlier), mountedImages(earlier)];
    return {
      bundle: paths.bundle(record.id),
      logFolder: sandbox.config.logDirectory,
      logPath: record.logPath,
      ...(volumes.length === 0 ? {} : { volumes }),
      ...(images.length === 0 ? {} : { images }),
    };
  },
  apply: async ({ bundle, logFolder, logPath, volumes = [], images = [] }, tools, task) => {
    if (tools.subject === undefined) throw new Error("write bundle: the step has no container");
    const { spec, user, stopSignal, reported } = await buildBundle({ ...tools.subject, volumes, images }, tools, task);
    await mkdir(bundle, { mode: 0o700 });
    await writeFile(join(bundle, "config.json"), serializeSpec(spec), { mode: 0o600 });
    if (logPath !== "") await makeLogFile(logFolder, logPath);
    const { uid, gid, additionalGids } = user;
    return {
      uid,
      gid,
      additionalGids,
      cgroupsPath: spec.linux.cgroupsPath,
      stopSignal: stopSignal.number,
      reported: reported.map(({ field, value, why }) => ({ field, value, why })),
    };
  },
  revert: async ({ bundle, logPath }) => {
    await rm(bundle, { recursive: true, force: true });
    if (logPath !== "") await removeEmptyLogFile(logPath);
  },
});
