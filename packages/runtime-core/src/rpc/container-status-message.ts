import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerStatusSchema, ImageSpec } from "@keelson/cri-api/v1";
import type { ContainerRecord } from "../ports/index.ts";
import { containerState } from "../state/states.ts";

/** Reported for a container whose create failed and left something: it never runs, and a remove finishes it. */
const createError = { code: 128, reason: "CreateError" } as const;

/** A container's record as ContainerStatus shows it. */
export function containerStatusMessage(record: ContainerRecord): MessageInitShape<typeof ContainerStatusSchema> {
  const { config, exit, failed, started, facts, image } = record;
  const unmade = exit === undefined && (failed !== undefined || facts === undefined);
  return {
    id: record.id,
    metadata: config.metadata,
    state: containerState(record),
    createdAt: record.createdAtNs,
    startedAt: started?.startedAtNs ?? 0n,
    finishedAt: exit?.finishedAtNs ?? (unmade ? record.createdAtNs : 0n),
    exitCode: exit?.code ?? (unmade ? createError.code : 0),
    reason: exit?.reason ?? (unmade ? createError.reason : ""),
    message: exit?.message ?? (unmade ? (failed ?? "its create has failed, and that could not be recorded") : ""),
    image: asNamed(config.image),
    imageRef: image.ref,
    imageId: image.id,
    labels: config.labels,
    annotations: config.annotations,
    mounts: [...(facts?.mounts ?? [])],
    logPath: record.logPath,
    resources: { linux: config.linux?.resources ?? {} }, // zeros: it has no limits of its own
    user: facts?.user,
    stopSignal: facts?.stopSignal ?? config.stopSignal,
  };
}

/** The kubelet creates by image ID and tells what the user wrote beside it. */
export function asNamed(image: ImageSpec | undefined): ImageSpec | undefined {
  return image === undefined || image.userSpecifiedImage === "" ? image : { ...image, image: image.userSpecifiedImage };
}
