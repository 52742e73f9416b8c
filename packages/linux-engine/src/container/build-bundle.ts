import type { Task } from "@keelson/runtime-core/ports";
import {
  admitContainer,
  buildCgroupsPath,
  buildContainerSpec,
  type ContainerSpec,
  imageVolumes,
  localhostSeccompPath,
  type ResolvedUser,
  resolveUser,
  type VolumeMount,
} from "../spec/index.ts";
import { readFileInRoot } from "../sys/in-root.ts";
import type { ContainerDeps, ContainerSubject } from "./container-tools.ts";
import { findDeviceSources, findMountSources, listHostDevices, readSeccompProfile } from "./host-sources.ts";
import type { ImageMountFacts } from "./steps/mount-images.ts";

/** Passwd and group files of images are not read beyond this (THREATS T5.02). */
const maxUserFileBytes = 1024 * 1024;

export interface BundleSubject extends ContainerSubject {
  readonly volumes: readonly VolumeMount[];
  readonly images: readonly ImageMountFacts[];
}

export interface Bundle extends ContainerSpec {
  readonly user: ResolvedUser;
}

/**
 * Looks at everything outside the request that a container's specification depends on (its image, its root file system,
 * paths of the host, its sandbox), and builds it.
 */
export async function buildBundle(subject: BundleSubject, tools: ContainerDeps, task: Task): Promise<Bundle> {
  const { record, sandbox, volumes, images } = subject;
  const { config } = record;
  const context = config.linux?.securityContext;
  const facts = tools.factsOf(sandbox.runtimeHandler);
  const rootfs = tools.paths.rootfs(record.id);
  const resources = tools.sandboxParts(sandbox);
  const image = await tools.images.processConfig(record.image.id);
  const user = await resolveUser({
    context,
    imageUser: image.user,
    readFile: (path) => readFileInRoot(rootfs, path, maxUserFileBytes),
  });
  const mountSources = await findMountSources(config.mounts, { hostPaths: tools.hostPaths, images, task });
  task.stage("building the specification", `of container ${record.id}`);
  const profile = localhostSeccompPath(config);
  const built = buildContainerSpec({
    config,
    sandbox: sandbox.config,
    image,
    facts,
    user,
    rootfs,
    cgroupsPath: buildCgroupsPath({
      cgroupParent: "", // checked and resolved when the sandbox was made
      fallbackParent: resources.cgroupParent,
      driver: tools.cgroupDriver,
      id: record.id,
    }),
    pins: resources.pins,
    files: resources.files,
    mountSources,
    volumes,
    deviceSources: await findDeviceSources(config.devices),
    hostDevices: context?.privileged === true ? await listHostDevices() : [],
    seccompProfile: profile === undefined ? undefined : await readSeccompProfile(profile),
    allowedAnnotations: tools.allowedAnnotations,
  });
  return {
    ...built,
    reported: [
      ...admitContainer(config, sandbox.config, facts),
      ...imageVolumes(image.volumes ?? [], config.mounts).reported,
      ...built.reported,
    ],
    user,
  };
}
