import type http2 from "node:http2";

/**
 * Makes the transport see in an answer's headers, or its trailers, what gRPC's PROTOCOL-HTTP2 says of them. Only what calls
 * itself gRPC has a status: a web server's 404 is none, whatever its headers. A `grpc-message` that is not percent-encoded
 * is taken as it is; the transport would fail on it, and the status would be lost.
 */
export function mendHeaders(headers: http2.IncomingHttpHeaders): void {
  const isGrpc = !(":status" in headers) || /^application\/grpc(?:[+; ]|$)/i.test(headers["content-type"] ?? "");
  if (!isGrpc) delete headers["grpc-status"];
  // the details are a status' own, and take its place where there is none
  if (headers["grpc-status"] === undefined) delete headers["grpc-status-details-bin"];
  const message = headers["grpc-message"];
  if (typeof message !== "string") return;
  try {
    decodeURIComponent(message);
  } catch {
    headers["grpc-message"] = encodeURIComponent(message);
  }
}
