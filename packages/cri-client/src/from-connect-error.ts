import { Code, ConnectError } from "@connectrpc/connect";
import { CriError, type CriErrorCode, grpcStatus, type KubeletErrorPrefix } from "@keelson/cri-api/errors";

const categories = new Map<number, CriErrorCode>(
  Object.entries(grpcStatus).map(([code, status]) => [status, code as CriErrorCode]),
);

const prefixes: readonly KubeletErrorPrefix[] = [
  "RegistryUnavailable",
  "SignatureValidationFailed",
  "RROUnsupported",
  "ImageVolumeMountFailed",
];

/** What a failed call means. The only place of the client that knows Connect's codes. */
export function fromConnectError(error: unknown, endpoint: string): CriError {
  const connectError = ConnectError.from(error);
  const system = systemErrorCode(connectError);
  if (system === "ENOENT" || system === "ECONNREFUSED") {
    return new CriError("UNAVAILABLE", `connect to ${endpoint}: nothing listens there (${system})`, {
      cause: error,
      hint: "start the runtime, or name its socket",
    });
  }
  if (system === "EACCES" || system === "EPERM") {
    return new CriError("PERMISSION_DENIED", `connect to ${endpoint}: not permitted (${system})`, {
      cause: error,
      hint: "run as root or as a member of the socket's group",
    });
  }
  if (system !== undefined) {
    return new CriError("UNAVAILABLE", `connection to ${endpoint} broke: ${system}`, { cause: error });
  }
  const code = categories.get(connectError.code) ?? "UNKNOWN";
  const message = connectError.rawMessage;
  const prefix = code === "UNKNOWN" ? prefixes.find((one) => message.startsWith(`${one}: `)) : undefined;
  return prefix === undefined
    ? new CriError(code, message, { cause: error })
    : new CriError(code, message.slice(prefix.length + 2), { cause: error, prefix });
}

/** The errno name of what lies below, without which a socket that is not there looks like an internal error. */
function systemErrorCode(error: ConnectError): string | undefined {
  if (error.code !== Code.Internal && error.code !== Code.Unavailable && error.code !== Code.Aborted) return undefined;
  for (let cause = error.cause, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === "string" && /^E[A-Z]+$/.test(code)) return code;
  }
  return undefined;
}
