import { pathKey, pathOfKey } from "../snapshots/layer-path.ts";

// What the daemon and an applier say to each other; see JailedProcess for what is around it. Paths are base64.

/** A complete layer below the one that is applied. */
export interface LowerInfo {
  /** The hexadecimal digits of its chain ID, the name of its folder. */
  readonly chain: string;
  readonly opaque: readonly string[];
}

/** Begins a job: a layer is to come through the lane. */
export interface ApplyMessage {
  readonly kind: "apply";
  /** The name of the new layer's folder among the temporary ones. */
  readonly folder: string;
  /** Uppermost first; undefined while they are not complete: the applier asks when it needs them. */
  readonly lower: readonly LowerInfo[] | undefined;
}

/** Answers the event `{ needLower: true }`: the layers below are complete, or never will be. */
export type LowerMessage =
  | { readonly kind: "lower"; readonly lower: readonly LowerInfo[] }
  | { readonly kind: "abort" };

export type ToApplier = { readonly job: number } & (ApplyMessage | LowerMessage);

/** What a finished job answers. */
export interface AppliedMessage {
  readonly opaque: readonly string[];
  readonly inodes: number;
  readonly sizeBytes: number;
  readonly droppedXattrs: readonly (readonly [name: string, count: number])[];
}

const maxOpaque = 65_536;

/** Checks what an applier answered. @throws Error: an applier that says something else is broken */
export function parseApplied(value: unknown): AppliedMessage {
  const { opaque, inodes, sizeBytes, droppedXattrs } = Object(value) as Record<string, unknown>;
  if (!Array.isArray(opaque) || opaque.length > maxOpaque || !opaque.every(isPath)) throw broken("opaque folders");
  if (!isCount(inodes) || !isCount(sizeBytes)) throw broken("sizes");
  if (!Array.isArray(droppedXattrs) || droppedXattrs.length > 1000) throw broken("attributes");
  return { opaque, inodes, sizeBytes, droppedXattrs: droppedXattrs.map(parseDropped) };
}

/** The {@link pathKey} of a path in a message. */
export function keyOfWirePath(path: string): string {
  return pathKey(pathOfKey(Buffer.from(path, "base64").toString("latin1")));
}

function parseDropped(value: unknown): readonly [string, number] {
  const [name, count] = Array.isArray(value) ? value : [];
  if (typeof name !== "string" || !isCount(count)) throw broken("attributes");
  return [name.slice(0, 255), count];
}

function isPath(value: unknown): value is string {
  return typeof value === "string" && value.length <= 8192;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function broken(what: string): Error {
  return new Error(`the applier answered no ${what}`);
}
