import { type Digest, parseDigest } from "@keelson/image-store/reference";
import type { RegistryAuth } from "@keelson/image-store/registry";

// What the daemon and the fetcher say to each other; see JailedProcess for what is around it.

export interface WireDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface WireLayer extends WireDescriptor {
  /** What the image's config promises of the tar; the fetcher has checked nothing of it yet. */
  readonly diffId: Digest;
}

/** Asks the registry what a reference means. The job's number is then the pull's, until `close`. */
export interface PlanMessage {
  readonly kind: "plan";
  readonly reference: string;
  readonly auth: RegistryAuth | undefined;
  readonly lastKnown: Digest | undefined;
}

/** Stores a pull's manifest and config. */
export interface KeepMessage {
  readonly kind: "keep";
  readonly pull: number;
}

/** Brings a layer's blob into the store. */
export interface FetchMessage {
  readonly kind: "fetch";
  readonly pull: number;
  readonly layer: WireLayer;
}

/** Brings a layer's blob into the store and its tar, verified to the end, into a lane. */
export interface UnpackMessage {
  readonly kind: "unpack";
  readonly pull: number;
  readonly layer: WireLayer;
  readonly lane: number;
  /** The applier's job that waits for it. */
  readonly applierJob: number;
}

export type FetcherRequest = PlanMessage | KeepMessage | FetchMessage | UnpackMessage;

/** Ends a job with CANCELED, or forgets a pull with its credentials. */
export type FetcherNote = { readonly kind: "cancel" } | { readonly kind: "close" };

export type ToFetcher = { readonly job: number } & (FetcherRequest | FetcherNote);

export interface PlannedMessage {
  /** Normalised, with tag or digest. */
  readonly reference: string;
  /** The index of a multi-platform image, else the manifest. */
  readonly resolved: Digest;
  readonly manifest: WireDescriptor;
  readonly imageId: Digest;
  /** Bottom first. */
  readonly layers: readonly WireLayer[];
  readonly sizeBytes: number;
}

const maxLayers = 10_000;

/** Checks what the fetcher answered to `plan`. @throws Error: a fetcher that says something else is broken */
export function parsePlanned(value: unknown): PlannedMessage {
  const { reference, resolved, manifest, imageId, layers, sizeBytes } = fieldsOf(value);
  if (!Array.isArray(layers) || layers.length > maxLayers) throw broken("layers");
  return {
    reference: textOf(reference),
    resolved: parseDigest(textOf(resolved)),
    manifest: parseDescriptor(manifest),
    imageId: parseDigest(textOf(imageId)),
    layers: layers.map((layer) => ({
      ...parseDescriptor(layer),
      diffId: parseDigest(textOf(fieldsOf(layer).diffId)),
    })),
    sizeBytes: countOf(sizeBytes),
  };
}

function parseDescriptor(value: unknown): WireDescriptor {
  const { mediaType, digest, size } = fieldsOf(value);
  return { mediaType: textOf(mediaType), digest: parseDigest(textOf(digest)), size: countOf(size) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value) as Record<string, unknown>;
}

function textOf(value: unknown): string {
  if (typeof value !== "string" || value.length > 4096) throw broken("text");
  return value;
}

function countOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw broken("size");
  return value;
}

function broken(what: string): Error {
  return new Error(`the fetcher answered no ${what}`);
}
