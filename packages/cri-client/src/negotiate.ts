import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CriError } from "@keelson/cri-api/errors";
import { type CriServices, type CriVersion, criServices } from "@keelson/cri-api/versions";
import type { Connection } from "./connection.ts";
import { fromConnectError } from "./from-connect-error.ts";

export interface Negotiated {
  readonly version: CriVersion;
  readonly services: CriServices;
}

export interface NegotiateOptions {
  readonly connection: Connection;
  readonly service: "runtime" | "image";
  readonly versions: readonly CriVersion[];
  readonly timeoutMs: number;
}

/**
 * Asks the endpoint for each version in turn, by the call that the kubelet uses (Version; ImageFsInfo), and takes the
 * first that is served.
 */
export async function negotiate(options: NegotiateOptions): Promise<Negotiated> {
  const { connection, service, versions, timeoutMs } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const refused: string[] = [];
  for (const version of versions) {
    const services = criServices[version];
    try {
      if (service === "runtime") await createClient(services.runtime, connection.transport).version({}, { signal });
      else await createClient(services.image, connection.transport).imageFsInfo({}, { signal });
      return { version, services };
    } catch (error) {
      if (!isUnimplemented(error)) throw probeFailure(error, options, version, signal);
      refused.push(services[service].typeName);
    }
  }
  throw new CriError("UNIMPLEMENTED", `connect to ${connection.endpoint}: it serves none of ${refused.join(", ")}`, {
    hint: "this is no container runtime that can be used, or its CRI part is switched off: do not register the node",
  });
}

/** A web server that answers 404 is no runtime of another version: Connect calls both Unimplemented. */
function isUnimplemented(error: unknown): boolean {
  return (
    error instanceof ConnectError && error.code === Code.Unimplemented && error.metadata.get("grpc-status") === "12"
  );
}

function probeFailure(error: unknown, options: NegotiateOptions, version: CriVersion, signal: AbortSignal): CriError {
  const { connection, service, timeoutMs } = options;
  const asked = `${criServices[version][service].typeName} at ${connection.endpoint}`;
  if (signal.aborted) {
    return new CriError("DEADLINE_EXCEEDED", `ask for ${asked}: no answer in ${timeoutMs} ms`, { cause: error });
  }
  const known = fromConnectError(error, connection.endpoint);
  if (known.code === "UNIMPLEMENTED") {
    return new CriError("UNAVAILABLE", `ask for ${asked}: what listens there does not speak gRPC`, {
      cause: error,
      hint: "check the endpoint: a web server answers here",
    });
  }
  return new CriError(known.code, `ask for ${asked}: ${known.message}`, {
    cause: error,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  });
}
