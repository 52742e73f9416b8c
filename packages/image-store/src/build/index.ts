export type { BuildImageOptions, BuiltBlob, BuiltImage, BuiltLayer } from "./build-image.ts";
export { blob, buildImage, buildIndex, digestOf, jsonBlob } from "./build-image.ts";
export type { BusyboxImageOptions } from "./busybox-image.ts";
export { busyboxImage } from "./busybox-image.ts";
export type { PushOptions } from "./push-image.ts";
export { pushBlobs, pushImage, pushManifest } from "./push-image.ts";
export type { TarEntry } from "./tar-entry.ts";
export { opaqueWhiteout, whiteout } from "./tar-entry.ts";
export { writeTar } from "./write-tar.ts";
