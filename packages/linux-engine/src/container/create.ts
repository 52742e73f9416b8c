import type { AnyStep } from "@keelson/runtime-core/ports";
import type { ContainerSubject, ContainerTools } from "./container-tools.ts";
import { fillVolumes } from "./steps/fill-volumes.ts";
import { holdImage } from "./steps/hold-image.ts";
import { mountImages } from "./steps/mount-images.ts";
import { mountRootfs } from "./steps/mount-rootfs.ts";
import { runMonitor } from "./steps/run-monitor.ts";
import { writeBundle } from "./steps/write-bundle.ts";

/** What a created container is made of, in the order of making. */
export const createSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [
  holdImage,
  mountRootfs,
  fillVolumes,
  mountImages,
  writeBundle,
];

/** What a start adds. */
export const startSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [runMonitor];

/** All of a container. It is given back in reverse. */
export const containerSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [...createSteps, ...startSteps];
