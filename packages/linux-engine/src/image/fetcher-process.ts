// The process that talks to registries: `fetcher-process.ts IMAGES [REGISTRY_CONFIG]`. It has the network and, for as
// long as a pull lasts, its credentials; it can write in the image store alone. Layers leave it verified and inflated
// through the lanes.
import { Socket } from "node:net";
import { canceled, invalidArgument, isCriError } from "@keelson/cri-api/errors";
import {
  BlobStore,
  fetchIntoStore,
  inflateAndVerify,
  type PullPlan,
  planPull,
  streamIntoStore,
} from "@keelson/image-store";
import { familiarName, formatReference } from "@keelson/image-store/reference";
import { createRegistryClient } from "@keelson/image-store/registry";
import { encodeFrame, FrameDecoder } from "./control-frames.ts";
import type {
  FetcherRequest,
  FetchMessage,
  PlanMessage,
  PlannedMessage,
  ToFetcher,
  UnpackMessage,
  WireLayer,
} from "./fetcher-protocol.ts";
import { controlIn, controlOut, firstLane } from "./jail-descriptors.ts";
import { LaneWriter } from "./lane-frames.ts";
import { toWireError } from "./wire-error.ts";

const progressMs = 200;

const [, , images = "", laneCount = "0", configPath] = process.argv;
const store = await BlobStore.open(images);
const client = createRegistryClient(configPath === undefined ? {} : { configPath });
const lanes = Array.from(
  { length: Number(laneCount) },
  (_, index) => new LaneWriter(new Socket({ fd: firstLane + index, readable: false, writable: true })),
);
const pulls = new Map<number, PullPlan>();
const running = new Map<number, AbortController>();

const control = new Socket({ fd: controlIn, readable: true, writable: false });
const answers = new Socket({ fd: controlOut, readable: false, writable: true });
const decoder = new FrameDecoder();
control.on("data", (piece: Buffer) => {
  for (const message of decoder.push(piece)) receive(message as ToFetcher);
});
control.on("close", () => process.exit(0));
control.on("error", () => process.exit(0));
answers.on("error", () => process.exit(0));
send({ ready: true });

function receive(message: ToFetcher): void {
  const { job } = message;
  if (message.kind === "cancel") running.get(job)?.abort();
  else if (message.kind === "close") pulls.delete(job);
  else void answer(job, message);
}

async function answer(job: number, request: FetcherRequest): Promise<void> {
  const controller = new AbortController();
  running.set(job, controller);
  try {
    send({ job, done: (await work(job, request, controller.signal)) ?? null });
  } catch (error) {
    const isOurs = controller.signal.aborted && !isCriError(error, "DATA_LOSS");
    send({ job, failed: toWireError(isOurs ? canceled("pull: it was given up", { cause: error }) : error) });
  } finally {
    running.delete(job);
  }
}

async function work(job: number, request: FetcherRequest, signal: AbortSignal): Promise<unknown> {
  switch (request.kind) {
    case "plan":
      return await plan(job, request, signal);
    case "keep": {
      const { manifest, config } = planOf(request.pull);
      await store.writeBlob(manifest.bytes);
      await store.writeBlob(config.bytes);
      return undefined;
    }
    case "fetch":
      return await fetchIntoStore(request.layer, { ...sourceOf(request), signal });
    case "unpack":
      return await unpack(job, request, signal);
  }
}

async function plan(job: number, request: PlanMessage, signal: AbortSignal): Promise<PlannedMessage> {
  const { reference, auth, lastKnown } = request;
  const planned = await planPull(reference, {
    client,
    signal,
    cache: store,
    ...(auth === undefined ? {} : { auth }),
    ...(lastKnown === undefined ? {} : { lastKnown }),
  });
  pulls.set(job, planned);
  const { mediaType, digest, size } = planned.manifest;
  return {
    reference: formatReference(planned.reference),
    resolved: planned.resolved,
    manifest: { mediaType, digest, size },
    imageId: planned.imageId,
    layers: planned.layers.map(
      (layer): WireLayer => ({
        mediaType: layer.mediaType,
        digest: layer.digest,
        size: layer.size,
        diffId: layer.diffId,
      }),
    ),
    sizeBytes: planned.sizeBytes,
  };
}

/** The applier waits for this layer's begin, whatever happens, and then for its end or its abort. */
async function unpack(job: number, request: UnpackMessage, signal: AbortSignal): Promise<void> {
  const lane = lanes[request.lane];
  if (lane === undefined) throw invalidArgument(`unpack a layer: there is no lane ${request.lane}`);
  await lane.begin(request.applierJob);
  const { mediaType, diffId, size } = request.layer;
  const blob = new WatchedBlob(streamIntoStore(request.layer, { ...sourceOf(request), signal }), (bytes) =>
    send({ job, event: { bytes, total: size } }),
  );
  try {
    for await (const piece of inflateAndVerify(blob.read(), { mediaType, diffId })) {
      signal.throwIfAborted();
      await lane.data(piece);
    }
  } catch (error) {
    await blob.ended();
    await lane.abort();
    throw error;
  }
  await lane.end();
}

/** A blob on its way: tells from time to time how much has come, and when nobody touches the store for it any more. */
class WatchedBlob {
  readonly #chunks: AsyncIterable<Uint8Array>;
  readonly #report: (bytes: number) => void;
  readonly #end = Promise.withResolvers<void>();
  #hasBegun = false;

  constructor(chunks: AsyncIterable<Uint8Array>, report: (bytes: number) => void) {
    this.#chunks = chunks;
    this.#report = report;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    this.#hasBegun = true;
    let bytes = 0;
    let told = performance.now();
    try {
      for await (const chunk of this.#chunks) {
        bytes += chunk.byteLength;
        const now = performance.now();
        if (now - told >= progressMs) {
          told = now;
          this.#report(bytes);
        }
        yield chunk;
      }
    } finally {
      this.#end.resolve();
    }
  }

  /** Inflating reads ahead, and may end later than whoever wanted its result. */
  async ended(): Promise<void> {
    if (this.#hasBegun) await this.#end.promise;
  }
}

function sourceOf(request: FetchMessage | UnpackMessage) {
  const { session, reference } = planOf(request.pull);
  return { session, store, what: `pull "${familiarName(reference)}": layer ${request.layer.digest}` };
}

function planOf(pull: number): PullPlan {
  const planned = pulls.get(pull);
  if (planned === undefined) throw invalidArgument(`there is no pull ${pull}`);
  return planned;
}

function send(message: unknown): void {
  answers.write(encodeFrame(message));
}
