import { quote } from "@keelson/cri-api/errors";
import { isDigest } from "../reference/index.ts";
import { asArray, asObject, asSize, asString, badContent, type JsonObject, own, parseJsonObject } from "./decode.ts";
import type { Descriptor } from "./descriptor.ts";
import { isConfigType, isIndexType, isManifestType, layerCompression, mediaTypes } from "./media-types.ts";
import { parsePlatform } from "./platform.ts";

/** An image manifest: one config, layers from the bottom up (OCI image-spec, "Image Manifest"). */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Its own, for people and tools; without those that are too long to be told in every list. */
  readonly annotations: ReadonlyMap<string, string>;
}

/** An image index: the same image for several platforms (OCI image-spec, "Image Index"). */
export interface ImageIndexManifest {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** Most layers of one image; overlayfs takes no more than 500 anyway. */
export const maxLayers = 500;
/** Most annotations of one manifest that are kept, and how many characters of name and value each may have. */
export const maxAnnotations = 100;
export const maxAnnotationLength = 4096;
/** Most descriptors of one index. */
export const maxManifests = 1000;

/**
 * Reads a manifest or index whose bytes have been hashed already. What they are is said twice, by `mediaType` (the
 * Content-Type, or the descriptor that led here) and by the bytes, and both must agree (T1.04).
 * @throws FAILED_PRECONDITION
 */
export function parseManifest(bytes: Uint8Array, mediaType: string, what: string): ImageManifest | ImageIndexManifest {
  const object = parseJsonObject(bytes, what);
  if (mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed) {
    throw badContent(what, "it is of Docker's schema 1, which is not supported");
  }
  const declared = own(object, "mediaType");
  if (declared !== undefined && declared !== mediaType) {
    throw badContent(what, `it says it is ${quote(String(declared), 100)} but came as ${quote(mediaType, 100)}`);
  }
  if (own(object, "schemaVersion") !== 2) throw badContent(what, "schemaVersion is not 2");
  const isManifest = own(object, "config") !== undefined || own(object, "layers") !== undefined;
  if (isManifest && own(object, "manifests") !== undefined) {
    throw badContent(what, "it is a manifest and an index at once");
  }
  if (isManifestType(mediaType)) return readManifest(object, mediaType, what);
  if (isIndexType(mediaType)) return readIndex(object, mediaType, what);
  throw badContent(what, `media type ${quote(mediaType, 100)} is no image manifest and no index`);
}

function readManifest(object: JsonObject, mediaType: string, what: string): ImageManifest {
  const config = parseDescriptor(own(object, "config"), `${what}: config`);
  if (!isConfigType(config.mediaType)) {
    throw badContent(what, `it is no container image: its config is ${quote(config.mediaType, 100)}`);
  }
  const layers = asArray(own(object, "layers"), `${what}: layers`, maxLayers).map((layer, i) => {
    const at = `${what}: layer ${i + 1}`;
    const descriptor = parseDescriptor(layer, at);
    if (layerCompression(descriptor.mediaType) !== undefined) return descriptor;
    throw badContent(at, `media type ${quote(descriptor.mediaType, 100)} is no layer`);
  });
  return { kind: "manifest", mediaType, config, layers, annotations: readAnnotations(object, what) };
}

/** OCI image-spec, "Annotations": nothing depends on them, so what goes beyond the bounds is left out. */
function readAnnotations(manifest: JsonObject, what: string): ReadonlyMap<string, string> {
  const value = own(manifest, "annotations");
  const entries = value === undefined || value === null ? [] : Object.entries(asObject(value, `${what}: annotations`));
  const texts = entries.map(([name, text]) => {
    if (typeof text === "string") return [name, text] as const;
    throw badContent(`${what}: annotation ${quote(name, 60)}`, "it is not a string");
  });
  const short = texts.filter(([name, text]) => name !== "" && name.length + text.length <= maxAnnotationLength);
  return new Map(short.slice(0, maxAnnotations));
}

function readIndex(object: JsonObject, mediaType: string, what: string): ImageIndexManifest {
  const list = asArray(own(object, "manifests"), `${what}: manifests`, maxManifests);
  const manifests = list.map((item, i) => parseDescriptor(item, `${what}: manifest ${i + 1}`));
  return { kind: "index", mediaType, manifests };
}

/**
 * Reads a descriptor. Its digest is checked before anybody uses it; `urls`, which name a host of the image's choice, are
 * refused (T1.01).
 * @throws FAILED_PRECONDITION
 */
export function parseDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what);
  const digest = own(object, "digest");
  if (!isDigest(digest)) {
    throw badContent(what, `digest ${quote(String(digest), 80)} is not "sha256:" and 64 lower-case hex digits`);
  }
  const urls = own(object, "urls");
  if (urls !== undefined && urls !== null && asArray(urls, `${what}: urls`, maxManifests).length > 0) {
    throw badContent(what, "it names urls to fetch from, which are not followed");
  }
  const platform = own(object, "platform");
  return {
    mediaType: asString(own(object, "mediaType"), `${what}: mediaType`, 255),
    digest,
    size: asSize(own(object, "size"), `${what}: size`),
    ...(platform !== undefined && platform !== null && { platform: parsePlatform(platform, `${what}: platform`) }),
  };
}
