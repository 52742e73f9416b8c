import { type Code, ConnectError } from "@connectrpc/connect";
import { CriError, grpcStatus, isCriError, wireMessage } from "@keelson/cri-api/errors";
import { redact } from "@keelson/cri-api/redact";

/** What a caller is told of a failure. The only place of the core that knows Connect's codes, which are gRPC's. */
export function toConnectError(error: unknown): ConnectError {
  const known = categorize(error);
  // a message cut in the middle of a character can't be encoded for the wire
  const message = redact(wireMessage(known)).toWellFormed();
  const code = known.prefix === undefined ? grpcStatus[known.code] : grpcStatus.UNKNOWN;
  return new ConnectError(message, code as Code, undefined, undefined, error);
}

/** The category of anything that was thrown: what nobody has categorized is the runtime's own fault. */
export function categorize(error: unknown): CriError {
  if (isCriError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const name = error instanceof Error ? error.name : "";
  if (name === "AbortError") return new CriError("CANCELED", message, { cause: error });
  if (name === "TimeoutError") return new CriError("DEADLINE_EXCEEDED", message, { cause: error });
  return new CriError("INTERNAL", `internal error: ${message}`, {
    cause: error,
    hint: "see the runtime's log for the cause",
  });
}
