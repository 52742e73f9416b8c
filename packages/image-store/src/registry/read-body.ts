import { Buffer } from "node:buffer";
import { refused } from "./registry-error.ts";
import type { RegistryResponse } from "./transport.ts";

/** When a registry that sends too slowly is given up. */
export interface ProgressLimits {
  /** Longest wait for the next bytes, in ms. */
  readonly idleMs: number;
  /** Fewer bytes than this per second of waiting, over {@link windowMs}, count as a stall. */
  readonly minBytesPerSecond: number;
  readonly windowMs: number;
}

/**
 * The body's bytes, ended with ETIMEDOUT when the sender stalls. Only time spent waiting for the sender counts, so a
 * slow reader is nobody's fault; single bytes now and then don't keep a transfer alive.
 */
export async function* watchedBody(response: RegistryResponse, limits: ProgressLimits): AsyncGenerator<Uint8Array> {
  const { idleMs, minBytesPerSecond, windowMs } = limits;
  let waitingSince = performance.now();
  let isWaiting = true;
  let windowWaited = 0;
  let windowBytes = 0;
  const timer = setInterval(
    () => {
      if (!isWaiting) return;
      const waited = performance.now() - waitingSince;
      const total = windowWaited + waited;
      if (waited > idleMs) response.discard(stalled(`no data for ${idleMs} ms`));
      else if (total > windowMs && (windowBytes * 1000) / total < minBytesPerSecond) {
        response.discard(stalled(`only ${windowBytes} bytes in ${Math.round(total)} ms`));
      }
    },
    Math.max(10, Math.min(idleMs, windowMs) / 4),
  );
  let isComplete = false;
  try {
    for await (const chunk of response.body) {
      isWaiting = false;
      windowWaited += performance.now() - waitingSince;
      windowBytes += chunk.byteLength;
      if (windowWaited > windowMs && (windowBytes * 1000) / windowWaited >= minBytesPerSecond) {
        windowWaited = 0;
        windowBytes = 0;
      }
      yield chunk;
      waitingSince = performance.now();
      isWaiting = true;
    }
    isComplete = true;
  } finally {
    clearInterval(timer);
    if (!isComplete) response.discard();
  }
}

function stalled(why: string): Error {
  return Object.assign(new Error(`the transfer stalled: ${why}`), { code: "ETIMEDOUT" });
}

/**
 * Refuses a body that is encoded: its size says nothing and its digest is not the one promised (T1.06).
 * @throws FAILED_PRECONDITION
 */
export function refuseEncoding(response: RegistryResponse, what: string): void {
  const encoding = response.header("content-encoding");
  if (encoding === undefined || encoding === "" || encoding.toLowerCase() === "identity") return;
  response.discard();
  throw refused(`${what}: the body has a Content-Encoding, none was asked for`, "a proxy on the way may add it");
}

/**
 * Reads a small body whole, counting while it comes.
 * @throws FAILED_PRECONDITION when it is longer than `maxBytes`
 */
export async function readSmallBody(
  response: RegistryResponse,
  { maxBytes, limits, what }: { readonly maxBytes: number; readonly limits: ProgressLimits; readonly what: string },
): Promise<Buffer> {
  refuseEncoding(response, what);
  const tooLong = () => refused(`${what}: the body is longer than ${maxBytes} bytes`);
  if (Number(response.header("content-length") ?? 0) > maxBytes) {
    response.discard();
    throw tooLong();
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of watchedBody(response, limits)) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
