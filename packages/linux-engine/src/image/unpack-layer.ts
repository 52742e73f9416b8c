import { canceled, isCriError, unavailable } from "@keelson/cri-api/errors";
import { type Digest, digestHex } from "@keelson/image-store/reference";
import type { EngineLog } from "../log.ts";
import { oversizedLayer } from "../snapshots/layer-error.ts";
import { opaqueBytes } from "../snapshots/layer-record.ts";
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

interface Filled {
  readonly name: string;
  readonly applied: AppliedMessage;
}

const stuckMs = 15_000;
/** Of all layers of an image together: they are remembered, and told to whoever applies a layer above. */
const maxOpaqueBytes = 8 * 1024 * 1024;

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
  const { name, applied } = (await fillWhileUnwanted(missing, deps)) ?? (await fillFromStore(missing, deps));
  try {
    await belowReady;
    const { opaque, inodes, sizeBytes, droppedXattrs } = applied;
    checkOpaque([...missing.below.map((below) => snapshots.layers.get(below)?.opaque ?? []), opaque]);
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

/**
 * Fills the layer while its bytes come; undefined when it was to wait, for bytes or for a layer below, with a lane that
 * another pull wants.
 */
async function fillWhileUnwanted(missing: MissingLayer, deps: UnpackDeps): Promise<Filled | undefined> {
  const giveWay = new AbortController();
  let came = 0;
  const progress = (bytes: number): void => {
    came = bytes;
    deps.progress(bytes);
  };
  const isBelowReady = (): boolean => missing.below.every((chainId) => deps.snapshots.layers.has(chainId));
  try {
    return await fillInLane(
      missing,
      { ...deps, progress, signal: AbortSignal.any([deps.signal, giveWay.signal]) },
      () => {
        if (came < missing.layer.size || !isBelowReady()) giveWay.abort();
      },
    );
  } catch (error) {
    if (giveWay.signal.aborted && !deps.signal.aborted && isCriError(error, "CANCELED")) return undefined;
    throw error;
  }
}

/** Waits without a lane for all that comes from elsewhere, and then fills the layer. */
async function fillFromStore(missing: MissingLayer, deps: UnpackDeps): Promise<Filled> {
  await deps.pull.fetch(missing.layer, deps.signal);
  await orAborted(missing.belowReady, deps.signal);
  return await fillInLane(missing, deps, () => undefined);
}

async function fillInLane(missing: MissingLayer, deps: UnpackDeps, onWanted: () => void): Promise<Filled> {
  const { group, snapshots, signal, pull } = deps;
  return await group.lanes.use({ owner: pull, signal }, async (lane, wanted) => {
    signal.throwIfAborted();
    wanted.addEventListener("abort", onWanted, { once: true });
    const name = await snapshots.beginLayer();
    try {
      return { name, applied: await fill(lane, missing, name, deps) };
    } catch (error) {
      snapshots.discard(name);
      throw error;
    }
  });
}

/** Runs the fetcher's and the applier's part side by side; when one fails, the other is given up. */
async function fill(lane: Lane, missing: MissingLayer, name: string, deps: UnpackDeps): Promise<AppliedMessage> {
  const { group, pull, snapshots, progress } = deps;
  const lower = orAborted(missing.belowReady, deps.signal).then(() =>
    missing.below.map((chainId) => lowerInfo(chainId, snapshots)),
  );
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

/** @throws RESOURCE_EXHAUSTED */
function checkOpaque(lists: readonly (readonly string[])[]): void {
  const bytes = lists.reduce((sum, list) => sum + opaqueBytes(list), 0);
  if (bytes > maxOpaqueBytes) {
    throw oversizedLayer(`with those below it, it has more than ${maxOpaqueBytes} bytes of opaque folders' paths`);
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
