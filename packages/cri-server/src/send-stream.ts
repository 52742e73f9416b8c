import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/** How a stream of answers ended: all of it was handed over, its caller has gone, or it was cut off. */
export type SendOutcome = "sent" | "gone" | "stalled";

/**
 * Sends an answer piece by piece: the next one is asked for when the one before has left, so that a caller who does not
 * read costs one piece, and whoever makes them sees that it does not. A piece that has not left in `stalledMs`, and a
 * status that has not, cut the stream off.
 */
export async function sendStream(
  answer: UniversalServerResponse,
  stream: ServerHttp2Stream,
  stalledMs: number,
): Promise<SendOutcome> {
  const pieces = (answer.body as AsyncIterable<Uint8Array> | undefined)?.[Symbol.asyncIterator]();
  const begin = (): void => {
    if (stream.headersSent) return;
    stream.respond({ ":status": answer.status, ...plain(answer.header) }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers(plain(answer.trailer)));
  };
  try {
    for (let piece = await pieces?.next(); piece !== undefined && piece.done !== true; piece = await pieces?.next()) {
      if (stream.destroyed || stream.closed) return "gone";
      begin();
      const { value } = piece;
      const outcome = await leave(stream, stalledMs, (left) => void stream.write(value, left));
      if (outcome !== "sent") return outcome;
    }
    if (stream.destroyed || stream.closed) return "gone";
    begin();
    return await leave(stream, stalledMs, (left) => void stream.end(left));
  } finally {
    await pieces?.return?.();
  }
}

const plain = (headers: Headers | undefined): OutgoingHttpHeaders => Object.fromEntries(headers ?? []);

/** Writes, and waits until it has left, the stream is closed, or too much time has passed. */
function leave(
  stream: ServerHttp2Stream,
  stalledMs: number,
  write: (left: (error?: Error | null) => void) => void,
): Promise<SendOutcome> {
  return new Promise((resolve) => {
    let stalled = false;
    const settle = (outcome: SendOutcome): void => {
      clearTimeout(timer);
      stream.removeListener("close", closed);
      resolve(stalled ? "stalled" : outcome);
    };
    const closed = (): void => settle("gone");
    const timer = setTimeout(() => {
      stalled = true;
      // gRPC clients take it for RESOURCE_EXHAUSTED, and what waits for the caller is dropped
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }, stalledMs);
    timer.unref();
    stream.once("close", closed);
    write((error) => settle(error ? "gone" : "sent"));
  });
}
