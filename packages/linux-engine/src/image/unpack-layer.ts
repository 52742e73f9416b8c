import { canceled, isCriError, unavailable } from "@keelson/cri-api/errors";
import { type Digest, digestHex } from "@keelson/image-store/reference";
import type { EngineLog } from "../log.ts";
import type { Snapshots } from "../snapshots/snapshots.ts";
import type { AppliedMessage, LowerInfo } from "./applier-protocol.ts";
import type { FetcherPull, Progress } from "./fetcher.ts";
import type { WireLayer } from "./fetcher-protocol.ts";
import type { Lane, PullGroup } from "./pull-processes.ts";

/** A layer of an image that is not in place yet. */
export interface MissingLayer {
  readonly layer: WireLayer;
  readonly chainId: Digest;
  /** The chain IDs below, the uppermost first. */
  readonly below: readonly Digest[];
  /** Resolves when all of them are in place. */
  readonly belowReady: Promise<void>;
}

export interface UnpackDeps {
  readonly group: PullGroup;
  readonly pull: FetcherPull;
  readonly snapshots: Snapshots;
  readonly log: EngineLog;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const stuckMs = 15_000;

/**
 * Brings one layer from the registry, or the store, into its place: the fetcher verifies and inflates it, an applier
 * writes the files, and when both have said that it is whole and the layers below are in place, so is this one. On
 * failure nothing of it stays but the blob's bytes, which the next try goes on with.
 */
export async function unpackLayer(missing: MissingLayer, deps: UnpackDeps): Promise<void> {
  const { snapshots, signal } = deps;
  const { chainId, layer } = missing;
  const belowReady = orAborted(missing.belowReady, signal);
  belowReady.catch(() => undefined); // the applier may not ask for it, and then fail for another reason
  const { name, applied } = await deps.group.withLane(async (lane) => {
    signal.throwIfAborted();
    const name = await snapshots.beginLayer();
    try {
      return { name, applied: await fill(lane, { ...missing, belowReady }, name, deps) };
    } catch (error) {
      snapshots.discard(name);
      throw error;
    }
  });
  try {
    await belowReady;
    const { opaque, inodes, sizeBytes, droppedXattrs } = applied;
    if (droppedXattrs.length > 0) {
      const names = Object.fromEntries(droppedXattrs);
      deps.log.info("a layer's extended attributes that are not for layers were left out", { chainId, names });
    }
    await snapshots.commitLayer(name, { chainId, diffId: layer.diffId, opaque, inodes, sizeBytes });
  } catch (error) {
    snapshots.discard(name);
    throw error;
  }
}

/** Runs the fetcher's and the applier's part side by side; when one fails, the other is given up. */
async function fill(lane: Lane, missing: MissingLayer, name: string, deps: UnpackDeps): Promise<AppliedMessage> {
  const { group, pull, snapshots, progress } = deps;
  const lower = missing.belowReady.then(() => missing.below.map((chainId) => lowerInfo(chainId, snapshots)));
  lower.catch(() => undefined);
  const isLowerReady = missing.below.every((chainId) => snapshots.layers.has(chainId));
  const giveUp = new AbortController();
  const signal = AbortSignal.any([deps.signal, giveUp.signal]);
  const { job, applied } = await lane.applier.apply({ folder: name, lower, isLowerReady });
  applied.catch(() => giveUp.abort());
  const unpacked = pull.unpack(missing.layer, { lane: lane.number, applierJob: job }, signal, progress);
  let stuck: NodeJS.Timeout | undefined;
  const waitForEnd = (): void => {
    stuck = setTimeout(() => group.kill(unavailable("pull: a process did not stop")), stuckMs);
  };
  signal.addEventListener("abort", waitForEnd, { once: true });
  try {
    const [files, bytes] = await Promise.allSettled([applied, unpacked]);
    if (files.status === "fulfilled" && bytes.status === "fulfilled") return files.value;
    const reasons = [files, bytes].flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    throw reasons.find((reason) => !isCriError(reason, "CANCELED")) ?? reasons[0];
  } finally {
    // the signal may fire long after this, when there is nothing left to wait for
    signal.removeEventListener("abort", waitForEnd);
    clearTimeout(stuck);
  }
}

function lowerInfo(chainId: Digest, snapshots: Snapshots): LowerInfo {
  const record = snapshots.layers.get(chainId);
  if (record === undefined) throw new Error(`layer ${chainId} is not in place`);
  return { chain: digestHex(chainId), opaque: record.opaque };
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(canceled("pull: it was given up", { cause: signal.reason }));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
