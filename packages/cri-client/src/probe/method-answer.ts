import { Code, ConnectError } from "@connectrpc/connect";
import { grpcStatus } from "@keelson/cri-api/errors";
import { sentStatus } from "../from-connect-error.ts";

/**
 * What a runtime says when it is asked for a method. `unimplemented` is gRPC's status 12 and nothing else; `unanswered`
 * leaves open what the runtime serves; `not-asked` is a method that has no harmless form.
 */
export type MethodAnswer = "served" | "unimplemented" | "unanswered" | "not-asked";

/** What says nothing of the method: the call ended before, or something in front of the runtime answered. */
const saysNothing: ReadonlySet<number> = new Set([
  grpcStatus.CANCELED,
  grpcStatus.DEADLINE_EXCEEDED,
  grpcStatus.PERMISSION_DENIED,
  grpcStatus.UNAVAILABLE,
  grpcStatus.UNAUTHENTICATED,
]);

/** What a call that failed tells of its method. */
export function answerOf(error: unknown): MethodAnswer {
  const status = sentStatus(error);
  if (status === grpcStatus.UNIMPLEMENTED) return "unimplemented";
  if (status !== undefined) return saysNothing.has(status) ? "unanswered" : "served";
  // an answer over the limit is an answer, of which the transport keeps no status
  return error instanceof ConnectError && error.code === Code.ResourceExhausted ? "served" : "unanswered";
}

/** Whether the method might be told another time: who is not permitted to ask will not be permitted then. */
export function isLeftOpen(error: unknown): boolean {
  const status = sentStatus(error);
  const forbidden = status === grpcStatus.PERMISSION_DENIED || status === grpcStatus.UNAUTHENTICATED;
  return answerOf(error) === "unanswered" && !forbidden;
}
