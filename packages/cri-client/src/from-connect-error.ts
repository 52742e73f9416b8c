import { Code, ConnectError } from "@connectrpc/connect";
import {
  CriError,
  type CriErrorCode,
  canceled,
  grpcStatus,
  invalidArgument,
  isCriError,
  type KubeletErrorPrefix,
} from "@keelson/cri-api/errors";

const categories = new Map<number, CriErrorCode>(
  Object.entries(grpcStatus).map(([code, status]) => [status, code as CriErrorCode]),
);

const prefixes: readonly KubeletErrorPrefix[] = [
  "RegistryUnavailable",
  "SignatureValidationFailed",
  "RROUnsupported",
  "ImageVolumeMountFailed",
];

/** What is known of the call that failed. */
export interface FailedCall {
  /** `unix:///run/keelson/keelsond.sock` */
  readonly endpoint: string;
  /** `RuntimeService/Version` */
  readonly method: string;
  /** The caller's own signal, which tells its abort from the peer's. */
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds; undefined where the call had none. */
  readonly timeoutMs?: number | undefined;
  readonly maxMessageBytes: number;
  /** Whether the peer has spoken HTTP/2 on this connection: what breaks later is no question of the protocol. */
  readonly greeted?: boolean;
}

/** The status that the peer itself sent, undefined where the failure is the transport's finding. */
export function sentStatus(error: unknown): number | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const { metadata } = error;
  if (metadata.has("grpc-status-details-bin")) return error.code;
  const status = metadata.get("grpc-status");
  // what is no number was not sent by a gRPC server
  return status !== null && /^\d{1,3}$/.test(status) ? Number(status) : undefined;
}

/** What a failed call means. The only place of the client that knows Connect's codes. */
export function fromConnectError(error: unknown, call: FailedCall): CriError {
  const status = sentStatus(error);
  if (status !== undefined) return sent(error as ConnectError, status);
  if (isCriError(error)) return error;
  const found = ConnectError.from(error);
  if (isCriError(found.cause)) return found.cause;
  const { endpoint, method, timeoutMs, signal, maxMessageBytes } = call;
  if (found.code === Code.DeadlineExceeded) {
    const limit = timeoutMs === undefined ? "" : ` in ${Math.round(timeoutMs)} ms`;
    return new CriError("DEADLINE_EXCEEDED", `call ${method} at ${endpoint}: no answer${limit}`, { cause: error });
  }
  if (signal?.aborted) {
    return canceled(`call ${method} at ${endpoint}: the caller ended it`, { cause: signal.reason ?? error });
  }
  if (found.code === Code.ResourceExhausted && found.rawMessage.includes("MaxBytes")) {
    const which = found.rawMessage.includes("writeMaxBytes") ? "request" : "answer";
    return new CriError(
      "RESOURCE_EXHAUSTED",
      `call ${method} at ${endpoint}: the ${which} is larger than the limit of ${maxMessageBytes} bytes`,
      { cause: error, reason: "MESSAGE_TOO_LARGE", hint: "set a higher maxMessageBytes, or ask for less at once" },
    );
  }
  if (found.rawMessage.startsWith("serialize binary: ")) {
    return invalidArgument(`call ${method}: ${found.rawMessage.slice("serialize binary: ".length)}`, { cause: error });
  }
  return broken(found, call) ?? notGrpc(found, call);
}

/** The runtime's own error, in its words. */
function sent(error: ConnectError, status: number): CriError {
  const code = categories.get(status) ?? "UNKNOWN";
  const message = error.rawMessage;
  // for the kubelet the word alone is enough
  const isPrefix = (one: string): boolean => message === one || message.startsWith(`${one}:`);
  const prefix = code === "UNKNOWN" ? prefixes.find(isPrefix) : undefined;
  if (prefix === undefined) return new CriError(code, message, { cause: error });
  const rest = message.slice(prefix.length + 1).trimStart();
  return new CriError(code, rest === "" ? "no details were given" : rest, { cause: error, prefix });
}

/** What the system, or Node's HTTP/2, says of the connection. */
function broken(error: ConnectError, { endpoint, method, greeted }: FailedCall): CriError | undefined {
  const code = systemErrorCode(error);
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") {
    return new CriError("UNAVAILABLE", `connect to ${endpoint}: nothing listens there (${code})`, {
      cause: error,
      reason: "NOT_LISTENING",
      hint: "start the runtime, or name its socket",
    });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new CriError("PERMISSION_DENIED", `connect to ${endpoint}: not permitted (${code})`, {
      cause: error,
      hint: "run as root or as a member of the socket's group",
    });
  }
  const reset = /error code ([A-Z_0-9]+)/.exec(error.rawMessage)?.[1];
  // nghttp2 could not read the peer's first frame: not HTTP/2 at all
  if (reset === undefined && (code === undefined || (code === "ERR_HTTP2_ERROR" && greeted !== true))) return undefined;
  const why = reset === undefined ? `the connection broke (${code})` : `the stream was reset (${reset})`;
  return new CriError("UNAVAILABLE", `call ${method} at ${endpoint}: ${why}`, {
    cause: error,
    reason: "CONNECTION_LOST",
  });
}

/** What is left came from the peer's answer. */
function notGrpc(error: ConnectError, { endpoint, method }: FailedCall): CriError {
  return new CriError("INTERNAL", `call ${method} at ${endpoint}: what answers is not gRPC (${error.rawMessage})`, {
    cause: error,
    reason: "NOT_GRPC",
    hint: "name the socket of a container runtime: a web server or another program answers here",
  });
}

/** The name of what went wrong below, without which a socket that is not there looks like an internal error. */
function systemErrorCode(error: ConnectError): string | undefined {
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < 6; cause = cause.cause, depth++) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === "string" && /^E[A-Z0-9_]+$/.test(code)) return code;
  }
  return undefined;
}
