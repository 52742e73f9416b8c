export type { Descriptor } from "./manifest/descriptor.ts";
export { mediaTypes } from "./manifest/media-types.ts";
export type { Platform } from "./manifest/platform.ts";
