import type { ServerHttp2Stream } from "node:http2";
import { grpcStatus } from "@keelson/cri-api/errors";

/**
 * Answers a request that no handler took, as grpc-go does: HTTP 200 with the status in the headers and no body. A bare
 * HTTP 404 would tell a client that a web server is here, not a runtime without this method.
 */
export function refuse(stream: ServerHttp2Stream, code: "UNIMPLEMENTED" | "INTERNAL", message: string): void {
  if (stream.headersSent || stream.destroyed || stream.closed) return;
  const status = {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(grpcStatus[code]),
    "grpc-message": encodeURIComponent(message.toWellFormed()),
  };
  stream.respond(status, { endStream: true });
}
