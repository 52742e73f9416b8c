import { posix } from "node:path";
import { failedPrecondition, isCriError } from "@keelson/cri-api/errors";
import type { Mount } from "@keelson/cri-api/v1";
import type { Reported } from "./host-facts.ts";
import { checkMountTarget } from "./mount-targets.ts";
import { isWithin } from "./path-rules.ts";

/** Each costs a folder, a copy and a mount. */
const mostVolumes = 100;

/** A folder of the container's own on the host, in place of a path of its image. */
export interface VolumeMount {
  readonly target: string;
  readonly source: string;
}

export interface ImageVolumes {
  /** Absolute paths in their shortest form, each once. */
  readonly targets: readonly string[];
  readonly reported: readonly Reported[];
}

/**
 * Where an image wants folders that are no part of the root file system (image-spec, config `Volumes`), each container
 * its own. As in containerd a mount of the request on the same path stands for one. Paths are read inside the image,
 * whatever `..` they hold (THREATS T4.01). One on which the runtime mounts is left out and reported.
 * @throws FAILED_PRECONDITION for more than can be made
 */
export function imageVolumes(volumes: readonly string[], mounts: readonly Mount[]): ImageVolumes {
  if (volumes.length > mostVolumes) {
    throw failedPrecondition(`read the image's Volumes: it has ${volumes.length}, at most ${mostVolumes} are made`);
  }
  const taken = new Set(mounts.map(({ containerPath }) => insideRoot(containerPath)));
  const targets = new Set<string>();
  const reported: Reported[] = [];
  for (const volume of volumes) {
    const target = insideRoot(volume);
    if (taken.has(target)) continue;
    const why = whyNot(target);
    if (why === undefined) targets.add(target);
    else reported.push({ field: "image.volumes", value: volume, why });
  }
  return { targets: [...targets], reported };
}

function insideRoot(path: string): string {
  const clean = posix.join("/", path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

function whyNot(target: string): string | undefined {
  if (["/proc", "/sys", "/dev"].some((folder) => isWithin(target, folder))) return "the runtime's own is there";
  try {
    checkMountTarget(target, "the image's Volumes");
    return undefined;
  } catch (error) {
    if (isCriError(error, "INVALID_ARGUMENT")) return error.message;
    throw error;
  }
}
