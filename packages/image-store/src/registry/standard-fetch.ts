import { failedPrecondition } from "@keelson/cri-api/errors";
import type { RegistryFetch, RegistryResponse } from "./transport.ts";

/**
 * Wraps a standard `fetch` (an own dispatcher, a test's stand-in). It can't carry TLS settings, so a host that has any is refused
 * instead of being reached with weaker or other ones.
 */
export function fromStandardFetch(fetch: (url: string, init: RequestInit) => Promise<Response>): RegistryFetch {
  return async (request) => {
    const { tls, url } = request;
    if (tls.skipVerify || tls.ca.length > 0 || tls.client.length > 0) {
      throw failedPrecondition(`connect to ${url.host}: a standard fetch has no TLS settings`, {
        hint: "use createNodeFetch() for hosts with ca, client or skip_verify",
      });
    }
    const ended = new AbortController();
    const response = await fetch(url.href, {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      redirect: "manual",
      signal: AbortSignal.any([request.signal, ended.signal]),
      ...(request.body !== undefined && { body: Uint8Array.from(request.body) }),
    });
    return toResponse(response, ended);
  };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

function toResponse(response: Response, ended: AbortController): RegistryResponse {
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    body: response.body ?? noBytes(),
    discard: (reason) => ended.abort(reason),
  };
}
