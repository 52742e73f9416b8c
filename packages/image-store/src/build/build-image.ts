import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as zlib from "node:zlib";
import { unimplemented } from "@keelson/cri-api/errors";
import type { Descriptor } from "../manifest/descriptor.ts";
import { type Compression, mediaTypes } from "../manifest/media-types.ts";
import { type Digest, digestOfHex } from "../reference/index.ts";
import type { TarEntry } from "./tar-entry.ts";
import { writeTar } from "./write-tar.ts";

export interface BuildImageOptions {
  /** Bottom layer first; entries, or the bytes of a finished tar archive. */
  readonly layers: readonly (readonly TarEntry[] | Uint8Array)[];
  /** The `config` object of the image config, as JSON: Env, Cmd, Entrypoint, User, WorkingDir, … */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Those of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Default `amd64` on x64 machines, `arm64` on arm64 ones. */
  readonly architecture?: string;
  readonly variant?: string;
  /** Default gzip. */
  readonly compression?: Compression;
  /** Default `oci`. */
  readonly format?: "oci" | "docker";
}

export interface BuiltBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface BuiltLayer extends BuiltBlob {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
}

/** An image in memory; {@link pushImage} brings it to a registry. Its image ID is `config.descriptor.digest`. */
export interface BuiltImage {
  readonly manifest: BuiltBlob;
  readonly config: BuiltBlob;
  readonly layers: readonly BuiltLayer[];
}

const configTypes = { oci: mediaTypes.ociConfig, docker: mediaTypes.dockerConfig };
const manifestTypes = { oci: mediaTypes.ociManifest, docker: mediaTypes.dockerManifest };
const layerTypes = {
  oci: { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  docker: { none: mediaTypes.dockerLayer, gzip: mediaTypes.dockerLayerGzip, zstd: mediaTypes.dockerLayerZstd },
};

/**
 * Builds an image from entries. The same options give the same bytes and digests.
 * @throws UNIMPLEMENTED for zstd on a runtime whose `node:zlib` lacks it
 */
export function buildImage(options: BuildImageOptions): BuiltImage {
  const format = options.format ?? "oci";
  const compression = options.compression ?? "gzip";
  const layers = options.layers.map((layer): BuiltLayer => {
    const tar = layer instanceof Uint8Array ? layer : writeTar(layer);
    return { ...blob(layerTypes[format][compression], compress(tar, compression)), diffId: digestOf(tar) };
  });
  const created = "1970-01-01T00:00:00Z";
  const config = jsonBlob(configTypes[format], {
    created,
    architecture: options.architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
    ...(options.variant !== undefined && { variant: options.variant }),
    os: "linux",
    config: options.config ?? {},
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created, created_by: "keelson build" })),
  });
  const manifest = jsonBlob(manifestTypes[format], {
    schemaVersion: 2,
    mediaType: manifestTypes[format],
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
    ...(options.annotations !== undefined && { annotations: options.annotations }),
  });
  return { manifest, config, layers };
}

/** An image index over built images, each under its platform (`linux/ARCHITECTURE[/VARIANT]`). */
export function buildIndex(images: ReadonlyMap<string, BuiltImage>): BuiltBlob {
  return jsonBlob(mediaTypes.ociIndex, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...images].map(([platform, { manifest }]) => {
      const [os, architecture, variant] = platform.split("/");
      return { ...manifest.descriptor, platform: { os, architecture, ...(variant !== undefined && { variant }) } };
    }),
  });
}

export function digestOf(bytes: Uint8Array): Digest {
  return digestOfHex(createHash("sha256").update(bytes).digest("hex"));
}

/** Any bytes with the descriptor that fits them. */
export function blob(mediaType: string, bytes: Uint8Array): BuiltBlob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/** Any value as a JSON blob with the descriptor that fits it. */
export function jsonBlob(mediaType: string, value: unknown): BuiltBlob {
  return blob(mediaType, Buffer.from(JSON.stringify(value), "utf8"));
}

function compress(bytes: Uint8Array, compression: Compression): Uint8Array {
  if (compression === "none") return bytes;
  if (compression === "gzip") return zlib.gzipSync(bytes, { level: 6 });
  if (typeof zlib.zstdCompressSync !== "function") throw unimplemented("compress a layer: this runtime has no zstd");
  return zlib.zstdCompressSync(bytes);
}
