import type http2 from "node:http2";

/**
 * Makes an error of each end of a stream that is none of an answer. Node says nothing of a stream that was reset with
 * NO_ERROR or CANCEL or that ended with its connection, ends its body as if it were whole, and the call would wait for ever
 * or take the rest for an answer.
 */
export function tellAbruptEnd(stream: http2.ClientHttp2Stream, session: http2.ClientHttp2Session): void {
  let failed = false;
  let answered = false;
  /** With a status: whatever comes after it changes nothing. */
  let whole = false;
  stream.once("response", (headers) => {
    answered = true;
    whole = "grpc-status" in headers;
  });
  stream.once("trailers", () => {
    whole = true;
  });
  stream.on("error", () => {
    failed = true;
  });
  stream.once("close", () => {
    if (!failed && !whole && (!answered || stream.rstCode !== 0)) stream.emit("error", abruptEnd(stream, session));
  });
  const iterate = stream[Symbol.asyncIterator].bind(stream);
  stream[Symbol.asyncIterator] = () => {
    const chunks = iterate();
    const next = chunks.next.bind(chunks);
    chunks.next = async (...args) => {
      const result = await next(...args);
      // without a status and with a session that ends, this is the end that it was cut off at
      if (result.done && !whole && (stream.rstCode !== 0 || session.closed)) throw abruptEnd(stream, session);
      return result;
    };
    return chunks;
  };
}

function abruptEnd(stream: http2.ClientHttp2Stream, session: http2.ClientHttp2Session): Error {
  if (session.closed) return Object.assign(new Error("the connection broke off"), { code: "ECONNRESET" });
  const code = { 0: "NO_ERROR", 8: "CANCEL" }[stream.rstCode] ?? String(stream.rstCode);
  return new Error(`the stream was closed with error code ${code}`);
}
