import { CriError } from "@keelson/cri-api/errors";
import type { ImageReference } from "../reference/index.ts";
import { createNodeFetch } from "../registry/node-fetch.ts";
import { defaultTls } from "../registry/transport.ts";
import type { BuiltBlob, BuiltImage } from "./build-image.ts";

export interface PushOptions {
  /** Where the registry listens: `http://127.0.0.1:5000`. */
  readonly registry: string;
  readonly reference: ImageReference;
  readonly signal?: AbortSignal;
}

/** Uploads an image's blobs and then its manifest under the reference's tag. */
export async function pushImage(image: BuiltImage, options: PushOptions): Promise<void> {
  await pushBlobs([image.config, ...image.layers], options);
  await pushManifest(image.manifest, options);
}

/** Uploads blobs into the reference's repository. */
export async function pushBlobs(blobs: readonly BuiltBlob[], options: PushOptions): Promise<void> {
  for (const blob of blobs) {
    const started = await send(options, "POST", `blobs/uploads/`, new Uint8Array(), undefined, 202);
    const target = new URL(started ?? "", `${options.registry}/v2/`);
    target.searchParams.set("digest", blob.descriptor.digest);
    await send(options, "PUT", target.href, blob.bytes, "application/octet-stream", 201);
  }
}

/** Uploads a manifest or an index under the reference's tag, or under its digest when it has none. */
export async function pushManifest(manifest: BuiltBlob, options: PushOptions): Promise<void> {
  const name = options.reference.tag ?? manifest.descriptor.digest;
  await send(options, "PUT", `manifests/${name}`, manifest.bytes, manifest.descriptor.mediaType, 201);
}

async function send(
  options: PushOptions,
  method: "POST" | "PUT",
  path: string,
  body: Uint8Array,
  contentType: string | undefined,
  want: number,
): Promise<string | undefined> {
  await using node = createNodeFetch();
  const url = new URL(path, `${options.registry}/v2/${options.reference.path}/`);
  const response = await node.fetch({
    url,
    method,
    headers: new Map(contentType === undefined ? [] : [["content-type", contentType]]),
    body,
    tls: defaultTls,
    dialTimeoutMs: 10_000,
    headersTimeoutMs: 60_000,
    signal: options.signal ?? new AbortController().signal,
  });
  response.discard();
  if (response.status === want) return response.header("location");
  throw new CriError("UNKNOWN", `push to ${url.host}${url.pathname}: status ${response.status}, want ${want}`);
}
