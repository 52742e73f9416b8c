import { createHash } from "node:crypto";
import { isCriError, quote } from "@keelson/cri-api/errors";
import type { Redactor } from "@keelson/cri-api/redact";
import type { Descriptor } from "../manifest/descriptor.ts";
import { digestOfHex } from "../reference/index.ts";
import type { FetchOptions } from "./fetch-manifest.ts";
import { refuseEncoding, watchedBody } from "./read-body.ts";
import { corrupt, RegistryError, refused } from "./registry-error.ts";
import { hostLabel, type RegistryHost } from "./registry-host.ts";
import type { RegistrySession } from "./registry-session.ts";
import { retryDelay, throwIfAborted } from "./retry.ts";
import type { RegistryResponse } from "./transport.ts";
import { askLast, tryHosts } from "./try-hosts.ts";

/** Where a blob's bytes are kept while they come; what is there already is not fetched again. */
export interface BlobSink {
  /** Bytes that are there, counted from the blob's start. */
  readonly size: number;
  /** Those bytes, to be hashed again. */
  read(): AsyncIterable<Uint8Array>;
  /** Appends. The bytes may be changed once the promise is settled. */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets all bytes. */
  reset(): Promise<void>;
}

export interface StreamOptions extends FetchOptions {
  readonly sink?: BlobSink;
  /** Origins not to ask. The origins that contributed bytes are added when the whole turns out wrong. */
  readonly avoid?: Set<string>;
}

/** A connection that broke after this much is resumed without counting as a failed try. */
const progressBytes = 1024 * 1024;

/**
 * The blob's bytes from its start, those in the sink first, the rest from the hosts; a broken transfer is resumed by a
 * Range request, on the next host if need be. The bytes are proved only when the iteration ends: until then they are a
 * stranger's, and when it throws all that came must be dropped (the sink is kept for a resume, but reset on a mismatch).
 * @throws DATA_LOSS for other bytes than the digest's, otherwise as fetchManifest()
 */
export async function* streamBlob(
  session: RegistrySession,
  descriptor: Descriptor,
  options: StreamOptions,
): AsyncGenerator<Uint8Array, void> {
  const { sink, what, signal, avoid } = options;
  const hash = createHash("sha256");
  const sources = new Set<string>();
  let offset = 0;
  if (sink !== undefined && sink.size > descriptor.size) await sink.reset();
  if (sink !== undefined && sink.size > 0) {
    for await (const chunk of sink.read()) {
      hash.update(chunk);
      offset += chunk.byteLength;
      yield chunk;
    }
  }
  const wasPartial = offset > 0;
  for (let failures = 0, last = offset; offset < descriptor.size; last = offset) {
    const { host, response } = await openAt(session, descriptor, { ...options, offset });
    sources.add(host.origin);
    try {
      for await (const chunk of watchedBody(response, session.deps.limits)) {
        if (offset + chunk.byteLength > descriptor.size) throw tooLong(descriptor, what, host);
        hash.update(chunk);
        await sink?.write(chunk);
        offset += chunk.byteLength;
        yield chunk;
      }
      if (offset < descriptor.size) throw truncated(descriptor, { what, host, offset });
    } catch (cause) {
      const error = await session.reading(host, { what, signal }, () => Promise.reject(cause)).catch((e: unknown) => e);
      failures = offset - last >= progressBytes ? 1 : failures + 1;
      if (error instanceof RegistryError) askLast(session, host);
      const delay = error instanceof RegistryError ? retryDelay(error, failures + 1, session.deps.retry) : undefined;
      if (delay === undefined) {
        if (isCriError(error, "DATA_LOSS")) await drop({ sink, avoid, sources });
        throw error;
      }
      await session.deps.sleep(delay, signal).catch(() => throwIfAborted(signal, what));
    }
  }
  const digest = digestOfHex(hash.digest("hex"));
  if (digest === descriptor.digest) return;
  // with old bytes in the mix nobody knows whose are wrong
  await drop({ sink, avoid, sources: wasPartial ? new Set() : sources });
  throw corrupt(`${what}: blob ${descriptor.digest}: the bytes have digest ${digest}`);
}

/**
 * Fetches a blob into a sink, verified. Bytes that are wrong are dropped and fetched once more from the hosts that have
 * not served any of them.
 * @throws as {@link streamBlob}
 */
export async function fetchBlob(
  session: RegistrySession,
  descriptor: Descriptor,
  { sink, what, signal }: FetchOptions & { readonly sink: BlobSink },
): Promise<void> {
  const avoid = new Set<string>();
  for (;;) {
    const tried = avoid.size;
    const wasPartial = sink.size > 0;
    try {
      for await (const chunk of streamBlob(session, descriptor, { sink, what, signal, avoid })) void chunk;
      return;
    } catch (error) {
      const isLeft = session.hosts.some((host) => host.capabilities.has("pull") && !avoid.has(host.origin));
      if (!isCriError(error, "DATA_LOSS") || !(wasPartial || (isLeft && avoid.size > tried))) throw error;
    }
  }
}

async function drop(parts: {
  readonly sink: BlobSink | undefined;
  readonly avoid: Set<string> | undefined;
  readonly sources: ReadonlySet<string>;
}): Promise<void> {
  for (const origin of parts.sources) parts.avoid?.add(origin);
  await parts.sink?.reset();
}

async function openAt(
  session: RegistrySession,
  descriptor: Descriptor,
  options: StreamOptions & { readonly offset: number },
): Promise<{ host: RegistryHost; response: RegistryResponse }> {
  const { offset, what, signal, avoid } = options;
  return await tryHosts(session, {
    capability: "pull",
    what,
    signal,
    ...(avoid !== undefined && { avoid }),
    run: async (host) => {
      const path = `blobs/${descriptor.digest}`;
      const response = await session.send(host, { method: "GET", path, from: offset, what, signal });
      if (response.status !== 200 && response.status !== 206) throw await session.failure(host, response, what);
      refuseEncoding(response, `${what}: blob ${descriptor.digest}`);
      checkLength(response, descriptor, { what, host, offset, redact: session.redact });
      return { host, response: response.status === 200 && offset > 0 ? skipping(response, offset) : response };
    },
  });
}

interface Where {
  readonly what: string;
  readonly host: RegistryHost;
  readonly offset: number;
}

function checkLength(
  response: RegistryResponse,
  descriptor: Descriptor,
  where: Where & { readonly redact: Redactor },
): void {
  const { what, host, offset, redact } = where;
  const length = response.header("content-length");
  if (response.status === 206) {
    const range = response.header("content-range") ?? "";
    if (range === `bytes ${offset}-${descriptor.size - 1}/${descriptor.size}`) return;
    response.discard();
    throw refused(
      `${what}: ${quote(hostLabel(host))} answered with the range ${quote(redact(range), 80)}, not from ${offset} on`,
    );
  }
  if (length === undefined || length === String(descriptor.size)) return;
  response.discard();
  throw corrupt(
    `${what}: blob ${descriptor.digest} from ${quote(hostLabel(host))} has ${quote(length, 20)} bytes, want ${descriptor.size}`,
  );
}

/** A host without ranges sends the blob from its start: what is there already is passed over. */
function skipping(response: RegistryResponse, count: number): RegistryResponse {
  async function* rest(): AsyncGenerator<Uint8Array> {
    let left = count;
    for await (const chunk of response.body) {
      if (left < chunk.byteLength) yield left > 0 ? chunk.subarray(left) : chunk;
      left = Math.max(0, left - chunk.byteLength);
    }
  }
  return { ...response, body: rest() };
}

function tooLong(descriptor: Descriptor, what: string, host: RegistryHost): RegistryError {
  return corrupt(
    `${what}: blob ${descriptor.digest} from ${quote(hostLabel(host))} is longer than ${descriptor.size} bytes`,
  );
}

// may be a connection that broke without a word: worth another try, DATA_LOSS in the end
function truncated(descriptor: Descriptor, { what, host, offset }: Where): RegistryError {
  return new RegistryError(
    "DATA_LOSS",
    `${what}: blob ${descriptor.digest} from ${quote(hostLabel(host))} ends after ${offset} of ${descriptor.size} bytes`,
    { retryable: true, hint: "pull again, and push the image anew if it stays" },
  );
}
