import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createConnectRouter, createContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { quote } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type Core, cutOffKey, type Log, registerCri } from "@keelson/runtime-core";
import { refuse } from "./refuse.ts";
import { sendStream } from "./send-stream.ts";
import { wholeMessage } from "./whole-message.ts";

export type GrpcListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** The kubelet's own limit for a message. */
const longestMessage = 16 * 1024 * 1024;

/** Brings the requests of an HTTP/2 server to a core. Whatever fails ends its own stream and nothing else. */
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
    binaryOptions: { recursionLimit: 64 },
  });
  registerCri(router, core, { versions, stopping });
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const answer = async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    const handler = handlers.get(request.url);
    if (handler === undefined) {
      refuse(response, "UNIMPLEMENTED", `unknown method ${quote(request.url)}`);
      return;
    }
    let named = false;
    const values = createContextValues().set(cutOffKey, () => {
      named = true;
    });
    const asked = universalRequestFromNodeRequest(request, response, undefined, values);
    const body = wholeMessage(asked.body as AsyncIterable<Uint8Array>, longestMessage);
    const answered = await handler({ ...asked, body });
    if (handler.method.methodKind === "unary") {
      response.once("close", cutOffLater(response, stalledMs));
      await universalResponseToNodeResponse(answered, response);
    } else if ((await sendStream(answered, response, stalledMs)) === "stalled") {
      const write = named ? log.debug : log.warn;
      write("caller does not read its stream; it is cut off", { url: request.url, caller: callerOf(request) });
    }
  };

  return (request, response) => {
    const url = request.url;
    // a stream that breaks tells request and response; nobody else listens once Connect has let go of them
    request.on("error", (error) => log.debug("request broke", { url, error }));
    response.on("error", (error) => log.debug("response broke", { url, error }));
    const arrived = cutOffLater(response, stalledMs);
    request.once("end", arrived);
    response.once("close", arrived);
    answer(request, response).catch((error: unknown) => {
      log.info("answer failed", { url, error });
      refuse(response, "INTERNAL", "the request could not be answered");
    });
  };
}

/** Resets the stream after a time, unless the returned function is called before. */
function cutOffLater(response: Http2ServerResponse, afterMs: number): () => void {
  const timer = setTimeout(() => response.stream?.close(constants.NGHTTP2_CANCEL), afterMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** How the caller calls itself, for the log. */
function callerOf(request: Http2ServerRequest): string {
  return quote(String(request.headers["user-agent"] ?? ""), 80);
}
