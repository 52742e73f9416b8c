import type { ContainerStatsFilter, PodSandboxStatsFilter } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers, visibleSandboxes } from "../lookup.ts";
import type { ContainerRecord, SandboxRecord } from "../ports/index.ts";
import { isReady } from "../state/states.ts";
import { byId, hasLabels } from "./filters.ts";

/** The containers of which a list tells statistics: in any state, as what has ended still takes space on the disk. */
export function containersToMeasure(core: Core, filter: ContainerStatsFilter | undefined): readonly ContainerRecord[] {
  const all = visibleContainers(core);
  if (filter === undefined) return all;
  const isNamed = byId(all, filter.id);
  const isInNamed = byId(visibleSandboxes(core), filter.podSandboxId);
  return all.filter(
    ({ id, sandboxId, config }) =>
      isNamed(id) && isInNamed(sandboxId) && hasLabels(config.labels, filter.labelSelector),
  );
}

/** The sandboxes of which a list tells statistics: those that are READY. */
export function sandboxesToMeasure(core: Core, filter: PodSandboxStatsFilter | undefined): readonly SandboxRecord[] {
  const all = visibleSandboxes(core);
  if (filter === undefined) return all.filter(isReady);
  const isNamed = byId(all, filter.id);
  return all.filter(
    (record) => isReady(record) && isNamed(record.id) && hasLabels(record.config.labels, filter.labelSelector),
  );
}

/** What one part of a stream measures at once: its figures are no older than the part. */
const groupSize = 100;

/** The records of a stream in groups, in their order. */
export function* inGroups<R>(records: readonly R[]): Generator<readonly R[], void> {
  for (let from = 0; from < records.length; from += groupSize) yield records.slice(from, from + groupSize);
}
