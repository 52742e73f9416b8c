import type { ContainerExit } from "@keelson/runtime-core/ports";
import type { ExitFile } from "../oci/exit-file.ts";

export interface ExitFacts {
  /** Undefined when conmon ended without having written how the container did. */
  readonly file: ExitFile | undefined;
  readonly oomKilled: boolean;
  readonly startedAtNs: bigint;
  /** When the end was noticed, for an end that nobody wrote down. */
  readonly noticedAtNs: bigint;
  /** What happened, when nobody wrote down the end. */
  readonly why: string;
}

/** How a container ended, as its status shows it. Nothing ends before it started: a file's time is rounded to a tick. */
export function exitReport(facts: ExitFacts): ContainerExit {
  const { file, oomKilled, startedAtNs, noticedAtNs, why } = facts;
  const later = (time: bigint): bigint => (time > startedAtNs ? time : startedAtNs);
  if (file?.code === undefined) {
    return { code: 255, finishedAtNs: later(file?.finishedAtNs ?? noticedAtNs), reason: "Unknown", message: why };
  }
  const finishedAtNs = later(file.finishedAtNs);
  if (file.code === 0) return { code: 0, finishedAtNs, reason: "Completed", message: "" };
  if (oomKilled) {
    return { code: file.code, finishedAtNs, reason: "OOMKilled", message: "the memory limit of the container was hit" };
  }
  return { code: file.code, finishedAtNs, reason: "Error", message: "" };
}
