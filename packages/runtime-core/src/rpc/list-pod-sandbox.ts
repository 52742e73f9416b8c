import type { MessageInitShape } from "@bufbuild/protobuf";
import { ListPodSandboxResponseSchema, type PodSandboxFilter, PodSandboxSchema } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleSandboxes } from "../lookup.ts";
import type { SandboxRecord } from "../ports/index.ts";
import { sandboxState } from "../state/states.ts";
import { listOf, recordEncoder } from "./encoded-items.ts";
import { byId, hasLabels } from "./filters.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const listPodSandbox: RuntimeRpc<"listPodSandbox"> = (core) => (request) =>
  listOf(ListPodSandboxResponseSchema, listedSandboxes(core, request.filter).map(encodedSandbox));

/** The sandboxes that a list shows, as they are now. */
export function listedSandboxes(core: Core, filter: PodSandboxFilter | undefined): readonly SandboxRecord[] {
  const all = visibleSandboxes(core);
  if (filter === undefined) return all;
  const isNamed = byId(all, filter.id);
  return all.filter(
    (record) =>
      isNamed(record.id) &&
      (filter.state === undefined || filter.state.state === sandboxState(record)) &&
      hasLabels(record.config.labels, filter.labelSelector),
  );
}

/** A sandbox's record as lists show it. */
export const sandboxItem = (record: SandboxRecord): MessageInitShape<typeof PodSandboxSchema> => ({
  id: record.id,
  metadata: record.config.metadata,
  state: sandboxState(record),
  createdAt: record.createdAtNs,
  labels: record.config.labels,
  annotations: record.config.annotations,
  runtimeHandler: record.runtimeHandler,
});

const encodedSandbox = recordEncoder(PodSandboxSchema, sandboxItem);
