// What the files in bench/results hold.
import type { Circumstances } from "./machine.ts";
import type { Summary } from "./summary.ts";

export interface Comparison {
  readonly operation: string;
  readonly keelsond: Summary;
  readonly containerd: Summary;
  /** keelsond's median over containerd's: below 1 is faster. */
  readonly ratio: number;
}

export interface PodLifeResult extends Circumstances {
  readonly samples: number;
  readonly warmUps: number;
  readonly images: readonly { readonly name: string; readonly layers: number; readonly compressedBytes: number }[];
  readonly comparisons: readonly Comparison[];
}

export interface SlowCall {
  readonly during: string;
  readonly process: string;
  /** With its arguments, but for what differs between two pods. */
  readonly call: string;
  /** Over the starts in which it was slow; where a start has several of it, the longest counts. */
  readonly medianMs: number;
  /** In how many of the traced starts it took longer than the threshold. */
  readonly seenIn: number;
}

export interface RequestFacts {
  readonly during: string;
  readonly programs: readonly string[];
  /** Calls of fsync(2), fdatasync(2) and their like. */
  readonly syncs: number;
}

export interface SyscallResult extends Circumstances {
  readonly of: string;
  readonly thresholdMs: number;
  /** Pods that were started, one after the other. */
  readonly starts: number;
  /** The median of a start under strace, which stops every process at every call. */
  readonly tracedStartMs: number;
  /** Of the last start: what each request executed, in order, and how often it waited for the disk. */
  readonly requests: readonly RequestFacts[];
  /** See timeOf() in strace-lines.ts. */
  readonly calls: Readonly<Record<"work" | "wait" | "core", readonly SlowCall[]>>;
}
