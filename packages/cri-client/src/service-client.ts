import { create, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import type { StreamResponse, UnaryResponse } from "@connectrpc/connect";
import { canceled, invalidArgument, isCriError, unimplemented } from "@keelson/cri-api/errors";
import { createRedactor, hasSecrets, redactError, secretsOf } from "@keelson/cri-api/redact";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import type { CriCallOptions, CriClient } from "./call-options.ts";
import { type Deadlines, deadlineMs, limited } from "./deadlines.ts";
import { fromConnectError } from "./from-connect-error.ts";
import type { Link } from "./link.ts";
import type { CriServiceName } from "./link-state.ts";

/** Makes a request fit for the server that it goes to. */
export type Prepare = (call: {
  readonly method: DescMethod;
  readonly request: Message;
  readonly options: CriCallOptions;
}) => Message | Promise<Message>;

export interface ServiceClientOptions {
  readonly link: Link;
  readonly name: CriServiceName;
  readonly deadlines: Deadlines;
  readonly waitForReady: boolean;
  readonly maxMessageBytes: number;
  readonly prepare: Prepare;
}

/** A call on its way: what is left of its time, and how its failure is told. */
interface Call {
  /** As the negotiated version has it. */
  readonly method: DescMethod;
  readonly request: Message;
  readonly headers: Headers | undefined;
  readonly timeoutMs: number | undefined;
}

/** The calls of one service over a link. They follow the link: to its next connection, and to another version. */
export function serviceClient<Service extends DescService>(
  service: Service,
  client: ServiceClientOptions,
): CriClient<Service> {
  const calls: Record<string, unknown> = {};
  for (const method of service.methods) {
    calls[method.localName] =
      method.methodKind === "unary"
        ? (request: object, options: CriCallOptions = {}) => unary(client, method, request, options)
        : (request: object, options: CriCallOptions = {}) => streamed(client, method, request, options);
  }
  return calls as CriClient<Service>;
}

async function unary(
  client: ServiceClientOptions,
  desc: DescMethod,
  init: object,
  options: CriCallOptions,
): Promise<Message> {
  const { signal } = options;
  const call = await begin(client, desc, init, options, signal);
  let answer: UnaryResponse;
  try {
    const { transport } = client.link;
    answer = (await transport.unary(
      call.method as never,
      signal,
      call.timeoutMs ?? 0,
      call.headers,
      call.request,
    )) as UnaryResponse;
  } catch (error) {
    throw failure(client, call, error, signal);
  }
  // outside: what the caller's own functions throw is no failure of the call
  options.onHeader?.(answer.header);
  options.onTrailer?.(answer.trailer);
  return answer.message;
}

/** An iterable whose `return()` cancels the call at once, also while a message is awaited. */
function streamed(
  client: ServiceClientOptions,
  desc: DescMethod,
  init: object,
  options: CriCallOptions,
): AsyncIterableIterator<Message> {
  const own = new AbortController();
  const signal = options.signal === undefined ? own.signal : AbortSignal.any([own.signal, options.signal]);
  const messages = open(client, desc, init, options, { own, signal });
  return {
    next: () => messages.next(),
    async return() {
      own.abort(canceled("the stream was left"));
      await messages.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* open(
  client: ServiceClientOptions,
  desc: DescMethod,
  init: object,
  options: CriCallOptions,
  { own, signal }: { readonly own: AbortController; readonly signal: AbortSignal },
): AsyncGenerator<Message, void> {
  const call = await begin(client, desc, init, options, signal);
  try {
    const answer = (await client.link.transport.stream(
      call.method as never,
      signal,
      call.timeoutMs ?? 0,
      call.headers,
      once(call.request) as never,
    )) as StreamResponse;
    endIfThrows(own, () => options.onHeader?.(answer.header));
    yield* settled(answer.message as AsyncIterable<Message>);
    endIfThrows(own, () => options.onTrailer?.(answer.trailer));
    own.signal.throwIfAborted();
  } catch (error) {
    throw failure(client, call, error, signal);
  }
}

/** What the caller's own function throws ends the stream, and is the cause of its error. */
function endIfThrows(own: AbortController, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    own.abort(error);
  }
}

/** Messages that are left early are asked once more: only so does Connect give up the timer of the call's deadline. */
async function* settled(messages: AsyncIterable<Message>): AsyncGenerator<Message, void> {
  const iterator = messages[Symbol.asyncIterator]();
  let left = true;
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    left = false;
  } catch (error) {
    left = false;
    throw error;
  } finally {
    // the call was canceled before: this fails at once, with nothing new
    if (left) await iterator.next().catch(() => undefined);
  }
}

async function* once<T>(item: T): AsyncGenerator<T> {
  yield item;
}

/** Waits for the link, and makes the request fit for the version and the server that are there then. */
async function begin(
  client: ServiceClientOptions,
  desc: DescMethod,
  init: object,
  options: CriCallOptions,
  signal: AbortSignal | undefined,
): Promise<Call> {
  const { link, name, deadlines } = client;
  if (signal?.aborted)
    throw canceled(`call ${desc.name} at ${link.endpoint}: the caller ended it`, { cause: signal.reason });
  const made = create(desc.input, init as never) as Message;
  const totalMs =
    options.timeoutMs === undefined ? deadlineMs(desc.localName, made, deadlines) : limited(options.timeoutMs);
  const deadline = totalMs === undefined ? undefined : performance.now() + totalMs;
  const headers = options.headers === undefined ? undefined : headersOf(desc, options.headers);
  const wait = { waitForReady: options.waitForReady ?? client.waitForReady, signal, deadline };
  for (;;) {
    if (link.state.name !== "ready") await link.ready(wait);
    const { epoch } = link;
    const isLost = (): boolean => link.epoch !== epoch || link.state.name !== "ready";
    const method = ofVersion(desc, name, link.version(name), link.endpoint);
    try {
      const prepared = client.prepare({ method, request: made, options });
      const request = prepared instanceof Promise ? await link.within(prepared, wait) : prepared;
      // what was learnt of a server is not true of the next one
      if (isLost()) continue;
      const timeoutMs = deadline === undefined ? undefined : Math.max(1, Math.ceil(deadline - performance.now()));
      return { method, request, headers, timeoutMs };
    } catch (error) {
      // the runtime went while it was asked: nothing has been sent
      if (wait.waitForReady && isCriError(error) && error.reason === "CONNECTION_LOST" && isLost()) continue;
      throw error;
    }
  }
}

function headersOf(desc: DescMethod, headers: NonNullable<CriCallOptions["headers"]>): Headers {
  try {
    return new Headers(headers);
  } catch {
    // its words may show the value, which may be a secret
    throw invalidArgument(`call ${desc.name}: a header has a name or a value that no header can have`);
  }
}

function ofVersion(desc: DescMethod, name: CriServiceName, version: CriVersion, endpoint: string): DescMethod {
  const methods: Readonly<Record<string, DescMethod>> = criServices[version][name].method;
  const method = Object.hasOwn(methods, desc.localName) ? methods[desc.localName] : undefined;
  if (method !== undefined) return method;
  throw unimplemented(`call ${desc.name} at ${endpoint}: CRI ${version}, which was agreed on, has no such method`, {
    reason: "NOT_IN_VERSION",
    hint: "it needs a runtime that serves a newer version",
  });
}

function failure(client: ServiceClientOptions, call: Call, error: unknown, signal: AbortSignal | undefined): unknown {
  const { link, maxMessageBytes } = client;
  if (link.state.name === "closed") return link.refusal();
  const { method, request, timeoutMs } = call;
  const told = fromConnectError(error, {
    endpoint: link.endpoint,
    method: `${method.parent.name}/${method.name}`,
    signal,
    timeoutMs,
    maxMessageBytes,
    // the link was ready: the peer has spoken gRPC
    greeted: true,
  });
  // a runtime may repeat what it was sent
  const secrets = hasSecrets(method.input) ? secretsOf(method.input, request) : [];
  return secrets.length === 0 ? told : redactError(told, createRedactor(secrets));
}
