import { createClient, type Transport } from "@connectrpc/connect";
import { CriError, grpcStatus } from "@keelson/cri-api/errors";
import { type CriVersion, criServices, criVersions } from "@keelson/cri-api/versions";
import { defaultMaxMessageBytes } from "./connection.ts";
import { fromConnectError, sentStatus } from "./from-connect-error.ts";
import type { CriServiceName } from "./link-state.ts";

/** Where and how long to ask. */
export interface Asked {
  readonly transport: Transport;
  /** For messages. */
  readonly endpoint: string;
  readonly service: CriServiceName;
  /** Ends the asking. */
  readonly signal: AbortSignal;
  /** What the signal stands for, for messages. */
  readonly timeoutMs: number;
  /** Whether the peer has spoken HTTP/2 by now. */
  readonly greeted?: () => boolean;
}

/** What a service was found to serve: a version to use, or what it serves instead. */
export type Answered =
  | { readonly version: CriVersion }
  | { readonly version?: undefined; readonly served: readonly CriVersion[] };

/**
 * Agrees on a version with one service: the first of `versions` that is served. Where there is none, the other versions are
 * asked for too, so that the truth can be told.
 * @throws every failure but a real gRPC status 12 (Unimplemented)
 */
export async function negotiate(asked: Asked, versions: readonly CriVersion[]): Promise<Answered> {
  for (const version of versions) {
    if (await isServed(asked, version)) return { version };
  }
  const served: CriVersion[] = [];
  for (const version of criVersions) {
    if (!versions.includes(version) && (await isServed(asked, version))) served.push(version);
  }
  return { served };
}

/**
 * Whether the service is served in this version, by the call that the kubelet uses: Version, and ImageFsInfo of the image
 * service.
 * @throws every failure but a real gRPC status 12 (Unimplemented)
 */
export async function isServed(asked: Asked, version: CriVersion): Promise<boolean> {
  const { transport, service, signal, endpoint, timeoutMs, greeted } = asked;
  const services = criServices[version];
  try {
    if (service === "runtime") await createClient(services.runtime, transport).version({}, { signal });
    else await createClient(services.image, transport).imageFsInfo({}, { signal });
    return true;
  } catch (error) {
    const status = sentStatus(error);
    if (status === grpcStatus.UNIMPLEMENTED) return false;
    const who = `${services[service].typeName} at ${endpoint}`;
    if (signal.aborted) {
      throw new CriError("DEADLINE_EXCEEDED", `ask for ${who}: no answer in ${timeoutMs} ms`, {
        cause: error,
        hint: "something listens there and does not answer: look at the runtime's log, or wait until it has started",
      });
    }
    const method = service === "runtime" ? "RuntimeService/Version" : "ImageService/ImageFsInfo";
    const known = fromConnectError(error, {
      endpoint,
      method,
      maxMessageBytes: defaultMaxMessageBytes,
      greeted: greeted?.() ?? false,
    });
    // the transport's own findings name the endpoint, the runtime's words do not
    if (status === undefined) throw known;
    throw new CriError(known.code, `ask for ${who}: ${known.message}`, {
      cause: error,
      // containerd listens while it recovers, and answers "server is not initialized yet"
      hint: "the runtime is there and can't be used: wait until it has started, or look at its log",
    });
  }
}

/** A gRPC server without CRI. */
export function servesNoCri(endpoint: string, service: CriServiceName): CriError {
  const asked = criVersions.map((version) => criServices[version][service].typeName).join(" and ");
  return new CriError(
    "UNIMPLEMENTED",
    `connect to ${endpoint}: it answers and serves no CRI: ${asked} are both unimplemented`,
    {
      reason: "SERVES_NO_CRI",
      hint: "is the runtime's CRI part switched off (containerd: disabled_plugins)? do not register the node",
    },
  );
}

/** A runtime that serves CRI, and none of the versions that it may be spoken to in. */
export function noCommonVersion(
  endpoint: string,
  service: CriServiceName,
  versions: { readonly wanted: readonly CriVersion[]; readonly served: readonly CriVersion[] },
): CriError {
  const names = (list: readonly CriVersion[]): string =>
    list.map((version) => criServices[version][service].typeName).join(" and ");
  return new CriError(
    "UNIMPLEMENTED",
    `connect to ${endpoint}: wanted ${names(versions.wanted)}, it serves ${names(versions.served)}`,
    {
      reason: "NO_COMMON_VERSION",
      hint: `allow ${versions.served.join(" or ")}, or use another runtime; do not register the node`,
    },
  );
}
