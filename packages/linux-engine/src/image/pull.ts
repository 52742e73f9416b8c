import { canceled, deadlineExceeded, isCriError, quote } from "@keelson/cri-api/errors";
import { chainIds, type ImageIndex, type StoredImage } from "@keelson/image-store";
import { type Digest, isDigest, parseReference, repositoryName } from "@keelson/image-store/reference";
import type { RegistryAuth } from "@keelson/image-store/registry";
import type { Meter, Task } from "@keelson/runtime-core/ports";
import type { EngineLog } from "../log.ts";
import type { Snapshots } from "../snapshots/snapshots.ts";
import type { FetcherPull } from "./fetcher.ts";
import type { PlannedMessage } from "./fetcher-protocol.ts";
import type { GarbageCollector } from "./garbage-collector.ts";
import type { PullGroup, PullProcesses } from "./pull-processes.ts";
import { PullProgress } from "./pull-progress.ts";
import type { SharedWork } from "./shared-work.ts";
import { unpackLayer } from "./unpack-layer.ts";

export interface PullDeps {
  readonly processes: PullProcesses;
  readonly index: ImageIndex;
  readonly snapshots: Snapshots;
  /** Layers under way, by chain ID and blob, whoever pulls them. */
  readonly works: SharedWork;
  readonly garbage: GarbageCollector;
  readonly log: EngineLog;
  readonly meter: Meter;
  /** After so long a pull is given up, whatever it does. */
  readonly deadlineMs: number;
}

export interface PullRequest {
  readonly reference: string;
  readonly auth?: RegistryAuth;
}

/** A pull under way. */
interface Pull {
  readonly group: PullGroup;
  readonly session: FetcherPull;
  readonly planned: PlannedMessage;
  readonly chain: readonly Digest[];
  readonly signal: AbortSignal;
  /** What this pull began and others may wait for, too. */
  readonly begun: Set<Promise<void>>;
}

/**
 * Pulls an image: the registry is asked what the reference means, missing layers are fetched and applied side by side,
 * then the image gets its names. A pull that fails leaves nothing that can be seen; what it has fetched stays for the
 * next try for a while, unless the content itself was at fault.
 */
export async function pullImage(request: PullRequest, task: Task, deps: PullDeps): Promise<StoredImage> {
  const { reference } = request;
  const shown = quote(reference);
  const deadline = AbortSignal.timeout(deps.deadlineMs);
  const failed = new AbortController();
  const signal = AbortSignal.any([task.signal, deadline, failed.signal]);
  try {
    task.stage("waiting for the processes that pull", shown);
    return await deps.processes.use(async (group) => {
      task.stage("asking the registry", `for image ${shown}`);
      const lastKnown = lastKnownDigest(reference, deps.index);
      const { auth } = request;
      const session = await group.fetcher.plan(
        { reference, ...(auth === undefined ? {} : { auth }), ...(lastKnown === undefined ? {} : { lastKnown }) },
        signal,
      );
      const { planned } = session;
      const chain = chainIds(planned.layers.map(({ diffId }) => diffId));
      const pull: Pull = { group, session, planned, chain, signal, begun: new Set() };
      try {
        return await withReservation(pull, deps, () => bringImage(pull, task, deps, failed));
      } finally {
        // Layers that others wait for are still fetched with this pull's session.
        void Promise.allSettled(pull.begun).then(() => session.close());
      }
    });
  } catch (error) {
    if (deadline.aborted && isCriError(error, "CANCELED")) {
      throw deadlineExceeded(`pull ${shown}: not done after ${deps.deadlineMs / 1000} s`, { cause: error });
    }
    if (task.signal.aborted) throw canceled(`pull ${shown}: it was given up`, { cause: error });
    throw error;
  }
}

/** What a pull needs can't be collected as garbage, nor for a while what a failed one has brought. */
async function withReservation(pull: Pull, deps: PullDeps, work: () => Promise<StoredImage>): Promise<StoredImage> {
  const { manifest, imageId, layers } = pull.planned;
  const blobs = [manifest.digest, imageId, ...layers.map(({ digest }) => digest)];
  const release = await deps.index.reserve({ blobs, chains: pull.chain });
  try {
    const image = await work();
    release();
    return image;
  } catch (error) {
    if (isFaultOfContent(error)) {
      release();
      await deps.garbage.collect(0);
    } else {
      deps.garbage.releaseLater(release);
    }
    throw error;
  }
}

async function bringImage(pull: Pull, task: Task, deps: PullDeps, failed: AbortController): Promise<StoredImage> {
  const { session, planned, signal } = pull;
  await session.keep(signal);
  const progress = new PullProgress(planned, deps.meter);
  task.stage("bringing layers", () => progress.text);
  const jobs: Promise<void>[] = [];
  for (const index of planned.layers.keys()) {
    const job = bringLayer(pull, { index, belowReady: jobs[index - 1] ?? Promise.resolve() }, deps, progress);
    job.catch((error: unknown) => failed.abort(error));
    jobs.push(job);
  }
  const results = await Promise.allSettled(jobs);
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (reasons.length > 0) throw reasons.find((reason) => !isCriError(reason, "CANCELED")) ?? reasons[0];
  task.stage("naming image", quote(planned.reference));
  const { manifest, resolved } = planned;
  return await deps.index.add({ reference: parseReference(planned.reference), manifest, resolved });
}

/**
 * Brings one layer into its place, and its blob into the store. Called for all layers of an image in one go, the lowest
 * first: whoever does the one below has begun it by then, and is before this one in the queue for a lane.
 */
async function bringLayer(
  pull: Pull,
  { index, belowReady }: { readonly index: number; readonly belowReady: Promise<void> },
  deps: PullDeps,
  progress: PullProgress,
): Promise<void> {
  const { session, group, chain, signal } = pull;
  const { works, snapshots } = deps;
  const layer = pull.planned.layers[index];
  const chainId = chain[index];
  if (layer === undefined || chainId === undefined) throw new Error(`there is no layer ${index}`);
  const join = async (key: string, work: (given: AbortSignal) => Promise<void>): Promise<void> => {
    await works.join(key, signal, async (given) => {
      // The processes stay for as long as somebody waits for this, perhaps longer than this pull.
      const done = deps.processes.use(() => work(given));
      pull.begun.add(done);
      await done;
    });
  };
  if (snapshots.layers.has(chainId) && isKnown(layer, deps.index)) {
    const stored = await deps.index.blobs.find(layer.digest);
    if (stored?.size !== layer.size) {
      await join(layer.digest, async (given) => {
        await session.fetch(layer, given);
        progress.came(index, layer.size);
      });
    }
  } else {
    // A chain that is there already is no proof of what this blob holds: it is unpacked to see (CVE-2014-8178).
    const below = chain.slice(0, index).toReversed();
    const onBytes = (bytes: number): void => progress.came(index, bytes);
    const missing = { layer, chainId, below, belowReady };
    const { log } = deps;
    await join(`${chainId} ${layer.digest}`, async (given) => {
      await unpackLayer(missing, { group, pull: session, snapshots, log, progress: onBytes, signal: given });
      // how far it is is not told of every byte
      onBytes(layer.size);
    });
  }
  progress.inPlace(index);
}

/** True when an image on the node has this blob as this layer: then it was unpacked once, and is what it says. */
function isKnown(layer: { readonly digest: Digest; readonly diffId: Digest }, index: ImageIndex): boolean {
  return index
    .list()
    .some(({ layers }) => layers.some(({ digest, diffId }) => digest === layer.digest && diffId === layer.diffId));
}

/** The same content would fail again: nothing of it is kept for another try. */
function isFaultOfContent(error: unknown): boolean {
  const codes = ["DATA_LOSS", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "NOT_FOUND"] as const;
  return codes.some((code) => isCriError(error, code));
}

/** What the tag led to the last time; undefined when that is not known for sure. */
function lastKnownDigest(text: string, index: ImageIndex): Digest | undefined {
  const reference = parseReference(text);
  if (reference.digest !== undefined) return undefined;
  const prefix = `${repositoryName(reference)}@`;
  const known = index.resolve(text)?.repoDigests.filter((name) => name.startsWith(prefix)) ?? [];
  const digest = known.length === 1 ? known[0]?.slice(prefix.length) : undefined;
  return isDigest(digest) ? digest : undefined;
}
