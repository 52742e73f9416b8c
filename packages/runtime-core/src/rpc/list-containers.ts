import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ContainerFilter, ContainerSchema, ListContainersResponseSchema } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers, visibleSandboxes } from "../lookup.ts";
import type { ContainerRecord } from "../ports/index.ts";
import { containerState } from "../state/states.ts";
import { asNamed } from "./container-status-message.ts";
import { listOf, recordEncoder } from "./encoded-items.ts";
import { byId, hasLabels } from "./filters.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const listContainers: RuntimeRpc<"listContainers"> = (core) => (request) =>
  listOf(ListContainersResponseSchema, listedContainers(core, request.filter).map(encodedContainer));

/** The containers that a list shows, as they are now. */
export function listedContainers(core: Core, filter: ContainerFilter | undefined): readonly ContainerRecord[] {
  const all = visibleContainers(core);
  if (filter === undefined) return all;
  const isNamed = byId(all, filter.id);
  const isInNamed = byId(visibleSandboxes(core), filter.podSandboxId);
  return all.filter(
    (record) =>
      isNamed(record.id) &&
      isInNamed(record.sandboxId) &&
      (filter.state === undefined || filter.state.state === containerState(record)) &&
      hasLabels(record.config.labels, filter.labelSelector),
  );
}

/** A container's record as lists show it. */
export const containerItem = (record: ContainerRecord): MessageInitShape<typeof ContainerSchema> => ({
  id: record.id,
  podSandboxId: record.sandboxId,
  metadata: record.config.metadata,
  image: asNamed(record.config.image),
  imageRef: record.image.id, // a kubelet up to 1.29 keeps by it the images that are in use
  imageId: record.image.id,
  state: containerState(record),
  createdAt: record.createdAtNs,
  labels: record.config.labels,
  annotations: record.config.annotations,
});

const encodedContainer = recordEncoder(ContainerSchema, containerItem);
