import type http2 from "node:http2";

/**
 * A `grpc-message` is percent-encoded; one that is not is taken as it is (gRPC's PROTOCOL-HTTP2: such a value must not be an
 * error). The transport would fail on it, and its status would be lost.
 */
export function mendMessage(headers: http2.IncomingHttpHeaders): void {
  const message = headers["grpc-message"];
  if (typeof message !== "string") return;
  try {
    decodeURIComponent(message);
  } catch {
    headers["grpc-message"] = encodeURIComponent(message);
  }
}
