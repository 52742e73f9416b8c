import type { ContainerExit, ContainerRecord, SandboxRecord, StartFacts } from "../ports/index.ts";
import { isReady } from "./states.ts";

/** A record with its start. Times of one container never go backwards, whatever clocks told them. */
export function withStart(record: ContainerRecord, started: StartFacts): ContainerRecord {
  const startedAtNs = max(started.startedAtNs, record.createdAtNs);
  return {
    ...record,
    started: { ...started, startedAtNs },
    ...(record.exit === undefined
      ? {}
      : { exit: { ...record.exit, finishedAtNs: max(record.exit.finishedAtNs, startedAtNs) } }),
  };
}

/** A record with its end. The first end that is told stays, also that of a container which could not be made. */
export function withExit(record: ContainerRecord, exit: ContainerExit): ContainerRecord {
  if (record.exit !== undefined || record.failed !== undefined) return record;
  const earliest = record.started?.startedAtNs ?? record.createdAtNs;
  return { ...record, exit: { ...exit, finishedAtNs: max(exit.finishedAtNs, earliest) } };
}

/** A record as it was before its start. */
export function withoutStart(record: ContainerRecord): ContainerRecord {
  const { started: _started, exit: _exit, ...created } = record;
  return created;
}

/**
 * A sandbox that is about to be given back. It may be half gone from then on, also after a failure or a crash, and nobody
 * may take it for a whole one.
 */
export function leavingSandbox(record: SandboxRecord, why: string): SandboxRecord {
  return isReady(record) ? { ...record, lost: why } : record;
}

/** As {@link leavingSandbox}: one that has not run yet never will. */
export function leavingContainer(record: ContainerRecord, why: string): ContainerRecord {
  return record.exit === undefined && record.failed === undefined ? { ...record, failed: why } : record;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
