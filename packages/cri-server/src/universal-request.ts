import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";

/** A call as Connect's handlers take it. @param body all that they will read */
export function universalRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  contextValues: ContextValues,
): UniversalServerRequest {
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  return {
    httpVersion: "2.0",
    method: String(headers[":method"]),
    // a handler is found by its path; whom the caller takes us for is of no use to it
    url: new URL(String(headers[":path"]), "http://localhost").toString(),
    header: webHeaders(headers),
    body: (async function* once() {
      if (body.byteLength > 0) yield body;
    })(),
    signal: gone.signal,
    contextValues,
  };
}

function webHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) web.append(name, one);
  }
  return web;
}
