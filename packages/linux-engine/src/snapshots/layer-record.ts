import { CriError } from "@keelson/cri-api/errors";
import { type Digest, isDigest } from "@keelson/image-store/reference";

/** What stands beside a layer's folder, in `layer.json`: its presence says that the layer is complete. */
export interface LayerRecord {
  readonly chainId: Digest;
  readonly diffId: Digest;
  /** Opaque folders, as base64 of their paths; the root is `.`. */
  readonly opaque: readonly string[];
  readonly inodes: number;
  readonly sizeBytes: number;
  /** The boot in which it was written: what was not flushed before the machine went down can't be trusted. */
  readonly bootId: string;
}

/** True when the layer hides everything below it. */
export function isRootOpaque(record: LayerRecord): boolean {
  return record.opaque.includes(rootPath);
}

const opaqueSizes = new WeakMap<readonly string[], number>();

/** What a list of opaque folders takes; each list is measured once. */
export function opaqueBytes(opaque: readonly string[]): number {
  const known = opaqueSizes.get(opaque) ?? opaque.reduce((sum, path) => sum + path.length, 0);
  opaqueSizes.set(opaque, known);
  return known;
}

export function formatLayerRecord(record: LayerRecord): string {
  return `${JSON.stringify({ version: 1, ...record })}\n`;
}

/** @throws DATA_LOSS for what is no such record */
export function parseLayerRecord(text: string): LayerRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken("it is not JSON", cause);
  }
  const { version, chainId, diffId, opaque, inodes, sizeBytes, bootId } = Object(value) as Record<string, unknown>;
  if (version !== 1) throw broken(`its version is ${JSON.stringify(version)}, want 1`);
  if (!isDigest(chainId) || !isDigest(diffId)) throw broken("a digest is malformed");
  if (!Array.isArray(opaque) || !opaque.every((path) => typeof path === "string")) throw broken("opaque is no list");
  if (!isCount(inodes) || !isCount(sizeBytes)) throw broken("a size is malformed");
  if (typeof bootId !== "string") throw broken("there is no boot ID");
  return { chainId, diffId, opaque, inodes, sizeBytes, bootId };
}

const rootPath = Buffer.from(".").toString("base64");

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function broken(why: string, cause?: unknown): CriError {
  return new CriError("DATA_LOSS", `read layer record: ${why}`, { cause, hint: "pull the image again" });
}
