import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { createConnectRouter, createContextValues } from "@connectrpc/connect";
import { quote } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type Core, cutOffKey, type Log, registerCri } from "@keelson/runtime-core";
import { answerUnary, isPlain, sendAnswer } from "./answer-unary.ts";
import { gatherRequest } from "./gather-request.ts";
import { longestMessage, recursionLimit } from "./limits.ts";
import { refuse } from "./refuse.ts";
import { sendStream } from "./send-stream.ts";
import { universalRequest } from "./universal-request.ts";

export type GrpcListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Brings the streams of an HTTP/2 server to a core: plain unary calls straight to their handlers, all others through
 * Connect's. Whatever fails ends its own stream and nothing else.
 */
export function grpcListener(options: {
  readonly core: Core;
  readonly versions: readonly CriVersion[];
  readonly log: Log;
  /** How long a caller may take to send its request, and to take the answer. */
  readonly stalledMs: number;
  /** Fires when no more calls are taken: streams end then. */
  readonly stopping: AbortSignal;
}): GrpcListener {
  const { core, versions, log, stalledMs, stopping } = options;
  const router = createConnectRouter({
    connect: false,
    grpcWeb: false,
    readMaxBytes: longestMessage,
    binaryOptions: { recursionLimit },
  });
  const unary = new Map(registerCri(router, core, { versions, stopping }).map((one) => [one.path, one]));
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const answer = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, path: string): Promise<void> => {
    const handler = handlers.get(path);
    if (handler === undefined) {
      refuse(stream, "UNIMPLEMENTED", `unknown method ${quote(path)}`);
      return;
    }
    const request = await gatherRequest(stream, longestMessage);
    if (request === undefined) return;
    const plain = request.isWhole && isPlain(headers) ? unary.get(path) : undefined;
    if (plain !== undefined) {
      const answered = await answerUnary(stream, headers, plain, request.bytes);
      stream.once("close", cutOffLater(stream, stalledMs));
      sendAnswer(stream, answered);
      return;
    }
    let named = false;
    const values = createContextValues().set(cutOffKey, () => {
      named = true;
    });
    const answered = await handler(universalRequest(stream, headers, request.bytes, values));
    if ((await sendStream(answered, stream, stalledMs)) === "stalled") {
      const write = named ? log.debug : log.warn;
      write("caller does not read its stream; it is cut off", { url: path, caller: callerOf(headers) });
    }
  };

  return (stream, headers) => {
    const path = String(headers[":path"]);
    stream.on("error", (error) => log.debug("stream broke", { url: path, error }));
    const arrived = cutOffLater(stream, stalledMs);
    stream.once("end", arrived);
    stream.once("close", arrived);
    answer(stream, headers, path).catch((error: unknown) => {
      log.info("answer failed", { url: path, error });
      refuse(stream, "INTERNAL", "the request could not be answered");
    });
  };
}

/** Resets the stream after a time, unless the returned function is called before. */
function cutOffLater(stream: ServerHttp2Stream, afterMs: number): () => void {
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), afterMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** How the caller calls itself, for the log. */
function callerOf(headers: IncomingHttpHeaders): string {
  return quote(String(headers["user-agent"] ?? ""), 80);
}
