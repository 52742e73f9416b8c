import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { ServedUnary } from "@keelson/runtime-core";
import { framedAnswer } from "./framed-answer.ts";
import { prefixBytes } from "./gather-request.ts";
import { grpcTimeoutMs } from "./grpc-timeout.ts";
import { recursionLimit } from "./limits.ts";

const head: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc+proto" };
const answered: OutgoingHttpHeaders = { "grpc-status": "0" };

/** Whether the headers of a call ask for nothing but a plain protobuf message and its answer, as every gRPC client's do. */
export function isPlain(headers: IncomingHttpHeaders): boolean {
  const { ":method": method, "content-type": type, "grpc-encoding": encoding, "grpc-timeout": timeout } = headers;
  return (
    method === "POST" &&
    (type === "application/grpc" || type === "application/grpc+proto") &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined || !Number.isNaN(grpcTimeoutMs(String(timeout))))
  );
}

/** What a caller is told. */
export interface UnaryAnswer {
  /** With gRPC's prefix; undefined after a failure. */
  readonly body: Uint8Array | undefined;
  readonly trailers: OutgoingHttpHeaders;
}

/**
 * Answers one plain unary call, straight between the stream and its handler: Connect's pipeline of iterables costs more than
 * most of our calls do. Never rejects.
 * @param message with gRPC's prefix
 */
export async function answerUnary(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  unary: ServedUnary,
  message: Uint8Array,
): Promise<UnaryAnswer> {
  try {
    return { body: await answerBytes(stream, headers, unary, message), trailers: answered };
  } catch (error) {
    return { body: undefined, trailers: failed(error) };
  }
}

/** A caller that has gone gets nothing. */
export function sendAnswer(stream: ServerHttp2Stream, { body, trailers }: UnaryAnswer): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(head, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

async function answerBytes(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { method, handle }: ServedUnary,
  message: Uint8Array,
): Promise<Uint8Array> {
  const timeout = headers["grpc-timeout"];
  const endsAtMs = timeout === undefined ? undefined : performance.now() + grpcTimeoutMs(String(timeout));
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  stream.once("close", leave);
  try {
    const request = internally("parse", () =>
      fromBinary(method.input, message.subarray(prefixBytes), { recursionLimit }),
    );
    const answer = await handle(request, {
      signal: gone.signal,
      timeoutMs: () => (endsAtMs === undefined ? undefined : endsAtMs - performance.now()),
      requestHeader: { get: (name) => headerOf(headers, name) },
    });
    return internally("serialize", () => framedAnswer(method.output, answer));
  } finally {
    stream.removeListener("close", leave);
  }
}

/** As the Web's Headers have it: null when it is not there, several joined. */
function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : (value ?? null);
}

/** In Connect's words. */
function internally<Result>(what: "parse" | "serialize", how: () => Result): Result {
  try {
    return how();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`${what} binary: ${why}`, Code.Internal);
  }
}

function failed(error: unknown): OutgoingHttpHeaders {
  const told =
    error instanceof ConnectError
      ? error
      : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
  return Object.fromEntries(setTrailerStatus(new Headers(), told));
}
