// A proxy between a client and a runtime, on HTTP/2: it passes calls on as they are, but for those that it is told of.
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { VersionResponseSchema } from "@keelson/cri-api/v1";

export interface CriProxyOptions {
  /** Paths of the sockets. */
  readonly listen: string;
  readonly runtime: string;
  /** Calls that it answers with status 12 by itself, by their path: `/runtime.v1.ImageService/`. */
  readonly unimplemented?: (path: string) => boolean;
  /** What it writes over in Version's answer. */
  readonly version?: Omit<MessageInitShape<typeof VersionResponseSchema>, "$typeName">;
}

export async function startCriProxy(options: CriProxyOptions): Promise<AsyncDisposable> {
  const upstream = http2.connect("http://localhost", { createConnection: () => net.connect(options.runtime) });
  upstream.on("error", () => undefined);
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer().listen(options.listen);
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const path = headers[":path"] ?? "";
    if (options.unimplemented?.(path) === true) {
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc",
          "grpc-status": "12",
          "grpc-message": `unknown service ${path.split("/")[1]}`,
        },
        { endStream: true },
      );
      return;
    }
    const rewrite = path.endsWith("/Version") && options.version !== undefined ? options.version : undefined;
    forward(stream, upstream.request(headers), rewrite);
  });
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      upstream.destroy();
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function forward(
  down: http2.ServerHttp2Stream,
  up: http2.ClientHttp2Stream,
  version: CriProxyOptions["version"],
): void {
  down.pipe(up);
  up.on("error", () => down.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  down.on("close", () => up.close());
  up.on("response", (headers, flags) => {
    if ((flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      down.respond(headers, { endStream: true });
      return;
    }
    let trailers: http2.IncomingHttpHeaders = {};
    up.on("trailers", (received) => {
      trailers = received;
    });
    down.respond(headers, { waitForTrailers: true });
    down.on("wantTrailers", () => down.sendTrailers(trailers));
    if (version === undefined) {
      up.pipe(down);
      return;
    }
    const chunks: Buffer[] = [];
    up.on("data", (chunk: Buffer) => chunks.push(chunk));
    up.on("end", () => down.end(rewritten(Buffer.concat(chunks), version)));
  });
}

/** gRPC's frame: a byte for compression, four for the length, the message. */
function rewritten(frame: Buffer, version: NonNullable<CriProxyOptions["version"]>): Buffer {
  const message = { ...fromBinary(VersionResponseSchema, frame.subarray(5)), ...version };
  const bytes = toBinary(VersionResponseSchema, message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
