import type { ContainerExit } from "@keelson/runtime-core/ports";
import type { ExitFile } from "../oci/exit-file.ts";

export interface ExitFacts {
  /** Undefined when conmon ended without having written how the container did. */
  readonly file: ExitFile | undefined;
  /** When the last line of its log was written, where that is known. */
  readonly lastLogNs?: bigint | undefined;
  readonly oomKilled: boolean;
  readonly startedAtNs: bigint;
  /** When the end was noticed, for an end that nobody wrote down. */
  readonly noticedAtNs: bigint;
  /** What happened, when nobody wrote down the end. */
  readonly why: string;
}

/** The longest that a file's time is behind the clock, by which the lines of a log are written: one tick at 100 Hz. */
const tickNs = 10_000_000n;

/**
 * How a container ended, as its status shows it: by the exit file's time, which is rounded down to a tick of the kernel's
 * clock, so that it may seem to lie before the start or before what the container wrote last. Neither is shown.
 */
export function exitReport(facts: ExitFacts): ContainerExit {
  const { file, oomKilled, startedAtNs, noticedAtNs, why } = facts;
  const later = (time: bigint): bigint => {
    const { lastLogNs = time } = facts;
    const rounded = lastLogNs > time && lastLogNs - time <= tickNs ? lastLogNs : time;
    return rounded > startedAtNs ? rounded : startedAtNs;
  };
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
