import type { AnyStep } from "@keelson/runtime-core/ports";
import type { ContainerSubject, ContainerTools } from "./container-tools.ts";
import { holdImage } from "./steps/hold-image.ts";
import { mountRootfs } from "./steps/mount-rootfs.ts";
import { runMonitor } from "./steps/run-monitor.ts";
import { writeBundle } from "./steps/write-bundle.ts";

/** What a created container is made of, in the order of making. */
export const createSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [holdImage, mountRootfs, writeBundle];

/** What a start adds. */
export const startSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [runMonitor];

/** All of a container. It is given back in reverse. */
export const containerSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [...createSteps, ...startSteps];
