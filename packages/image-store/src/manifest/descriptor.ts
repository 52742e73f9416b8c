import type { Digest } from "../reference/index.ts";
import type { Platform } from "./platform.ts";

/** What names a blob: its type, its digest and its size in bytes (OCI image-spec, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
}
