import type { ImageReference } from "../reference/index.ts";
import {
  createRegistryClient,
  type RegistryAuth,
  type RegistryResponse,
  type RegistrySession,
} from "../registry/index.ts";
import type { HostRequest } from "../registry/registry-session.ts";
import { tryHosts } from "../registry/try-hosts.ts";
import type { BuiltBlob, BuiltImage } from "./build-image.ts";

export interface PushOptions {
  /** Where the registry listens: `http://127.0.0.1:5000`. No configuration is read. */
  readonly registry: string;
  /** Names repository and tag; its domain is not looked at. */
  readonly reference: ImageReference;
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
}

/** Uploads an image's blobs and then its manifest under the reference's tag. @throws as a pull would */
export async function pushImage(image: BuiltImage, options: PushOptions): Promise<void> {
  await pushBlobs([image.config, ...image.layers], options);
  await pushManifest(image.manifest, options);
}

/** Uploads blobs into the reference's repository. */
export async function pushBlobs(blobs: readonly BuiltBlob[], options: PushOptions): Promise<void> {
  await withSession(options, async (send) => {
    for (const { descriptor, bytes } of blobs) {
      const started = await send({ method: "POST", path: "blobs/uploads/", body: new Uint8Array() }, 202);
      const location = started.header("location") ?? "";
      const query = `${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(descriptor.digest)}`;
      const target = new URL(`${location}${query}`, options.registry).href;
      await send({ method: "PUT", path: target, body: bytes, contentType: "application/octet-stream" }, 201);
    }
  });
}

/** Uploads a manifest or an index under the reference's tag, or under its digest when it has none. */
export async function pushManifest(manifest: BuiltBlob, options: PushOptions): Promise<void> {
  const { digest, mediaType } = manifest.descriptor;
  const path = `manifests/${options.reference.tag ?? digest}`;
  await withSession(options, async (send) => {
    await send({ method: "PUT", path, body: manifest.bytes, contentType: mediaType }, 201);
  });
}

type Send = (request: Omit<HostRequest, "what" | "signal">, status: number) => Promise<RegistryResponse>;

async function withSession(options: PushOptions, task: (send: Send) => Promise<void>): Promise<void> {
  await using client = createRegistryClient();
  const { registry, reference, auth } = options;
  const session = await client.open(reference, {
    actions: "pull,push",
    server: registry,
    ...(auth !== undefined && { auth }),
  });
  const signal = options.signal ?? new AbortController().signal;
  await task((request, status) => send(session, { ...request, what: `push to "${reference.path}"`, signal }, status));
}

async function send(session: RegistrySession, request: HostRequest, status: number): Promise<RegistryResponse> {
  return await tryHosts(session, {
    ...request,
    capability: "push",
    run: async (host) => {
      const response = await session.send(host, request);
      if (response.status !== status) throw await session.failure(host, response, request.what);
      response.discard();
      return response;
    },
  });
}
