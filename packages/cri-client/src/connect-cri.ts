import type { Client } from "@connectrpc/connect";
import { parseEndpoint } from "@keelson/cri-api/endpoint";
import type { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import { type CriVersion, criVersions } from "@keelson/cri-api/versions";
import { type Connection, openConnection } from "./connection.ts";
import { negotiate } from "./negotiate.ts";
import { typedClient } from "./typed-client.ts";

export interface ConnectOptions {
  /** `unix:///run/keelson/keelsond.sock`, or a bare absolute path. */
  readonly runtimeEndpoint: string;
  /** Default: the runtime's. Where both are the same, both services share one connection. */
  readonly imageEndpoint?: string;
  /** The versions to ask for, the preferred one first. Default: v1, then v1alpha2. */
  readonly versions?: readonly CriVersion[];
  /** How long the negotiation may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

/** A negotiated connection. Whatever the version on the wire, its calls take and return v1 messages. */
export interface CriConnection extends AsyncDisposable {
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
  /** What the runtime service speaks. */
  readonly version: CriVersion;
  /** Ends the connection and all calls on it. Idempotent. */
  close(): void;
}

/**
 * Connects to a container runtime and agrees on a version: the first of `versions` that it serves. Only a real gRPC
 * status 12 (Unimplemented) moves on to the next version; every other failure is an error of its own.
 * @throws INVALID_ARGUMENT for what is no endpoint; UNAVAILABLE when nothing listens there; PERMISSION_DENIED;
 *   DEADLINE_EXCEEDED; UNIMPLEMENTED when the endpoint serves none of the versions (the node must not be registered)
 * @example
 * ```ts
 * await using cri = await connectCri({ runtimeEndpoint: "unix:///run/keelson/keelsond.sock" });
 * console.log((await cri.runtime.version({})).runtimeName);
 * ```
 */
export async function connectCri(options: ConnectOptions): Promise<CriConnection> {
  const { runtimeEndpoint, imageEndpoint = runtimeEndpoint, versions = criVersions, timeoutMs = 10_000 } = options;
  const runtimeAt = parseEndpoint(runtimeEndpoint);
  const imageAt = parseEndpoint(imageEndpoint);
  const runtimeConnection = openConnection(runtimeAt);
  const shared = JSON.stringify(runtimeAt) === JSON.stringify(imageAt);
  const imageConnection = shared ? runtimeConnection : openConnection(imageAt);
  const close = (): void => {
    for (const connection of new Set<Connection>([runtimeConnection, imageConnection])) connection.close();
  };
  try {
    const runtime = await negotiate({ connection: runtimeConnection, service: "runtime", versions, timeoutMs });
    const image = await negotiate({ connection: imageConnection, service: "image", versions, timeoutMs });
    return {
      runtime: typedClient(runtime.services.runtime, runtimeConnection),
      images: typedClient(image.services.image, imageConnection),
      version: runtime.version,
      close,
      async [Symbol.asyncDispose]() {
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}
