import { visibleSandboxes } from "../lookup.ts";
import type { SandboxRecord } from "../ports/index.ts";
import { sandboxState } from "../state/states.ts";
import { hasLabels, idMatches } from "./filters.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const listPodSandbox: RuntimeRpc<"listPodSandbox"> = (core) => (request) => {
  const { filter } = request;
  const passes = (record: SandboxRecord): boolean =>
    filter === undefined ||
    (idMatches(record.id, filter.id) &&
      (filter.state === undefined || filter.state.state === sandboxState(record)) &&
      hasLabels(record.config.labels, filter.labelSelector));
  return { items: visibleSandboxes(core).filter(passes).map(listItem) };
};

const listItem = (record: SandboxRecord) => ({
  id: record.id,
  metadata: record.config.metadata,
  state: sandboxState(record),
  createdAt: record.createdAtNs,
  labels: record.config.labels,
  annotations: record.config.annotations,
  runtimeHandler: record.runtimeHandler,
});
