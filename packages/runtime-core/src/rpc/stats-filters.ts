import type { ContainerStatsFilter, PodSandboxStatsFilter } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers, visibleSandboxes } from "../lookup.ts";
import type { ContainerRecord, SandboxRecord } from "../ports/index.ts";
import { isReady } from "../state/states.ts";
import { hasLabels, idMatches } from "./filters.ts";

/** The containers of which a list tells statistics: in any state, as what has ended still takes space on the disk. */
export function containersToMeasure(core: Core, filter: ContainerStatsFilter | undefined): readonly ContainerRecord[] {
  const passes = (record: ContainerRecord): boolean =>
    filter === undefined ||
    (idMatches(record.id, filter.id) &&
      idMatches(record.sandboxId, filter.podSandboxId) &&
      hasLabels(record.config.labels, filter.labelSelector));
  return visibleContainers(core).filter(passes);
}

/** The sandboxes of which a list tells statistics: those that are READY. */
export function sandboxesToMeasure(core: Core, filter: PodSandboxStatsFilter | undefined): readonly SandboxRecord[] {
  const passes = (record: SandboxRecord): boolean =>
    filter === undefined || (idMatches(record.id, filter.id) && hasLabels(record.config.labels, filter.labelSelector));
  return visibleSandboxes(core).filter((record) => isReady(record) && passes(record));
}

/** What one part of a stream measures at once: its figures are no older than the part. */
const groupSize = 100;

/** The records of a stream in groups, in their order. */
export function* inGroups<R>(records: readonly R[]): Generator<readonly R[], void> {
  for (let from = 0; from < records.length; from += groupSize) yield records.slice(from, from + groupSize);
}
