import type { DescMethod, DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { RuntimeService, type StatusResponse } from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { sentStatus } from "../from-connect-error.ts";
import { harmlessRequest } from "./harmless-requests.ts";
import { answerOf, type MethodAnswer } from "./method-answer.ts";

/** How long a stream may stay silent after a call that was sent later has been answered, before it counts as served. */
const graceMs = 250;

export interface AskOptions {
  readonly transport: Transport;
  readonly version: CriVersion;
  /** For everything together, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Asked {
  /** By `RuntimeService/Version` and the like, every method of the version. */
  readonly methods: ReadonlyMap<string, MethodAnswer>;
  /** The numbers of the gRPC statuses that the unary methods answered; 0 for those that succeeded. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Status's answer, or the error that it failed with. */
  readonly status: { readonly response: StatusResponse } | { readonly error: unknown };
}

/** Asks for every method of the version that has a harmless form: Status, then the other unary ones, then the streams. */
export async function askMethods(options: AskOptions): Promise<Asked> {
  const { transport, version, timeoutMs } = options;
  options.signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  const { runtime, image } = criServices[version];
  const all: readonly DescMethod[] = [...runtime.methods, ...image.methods];
  const methods = new Map<string, MethodAnswer>();
  const statuses = new Map<string, number>();
  for (const method of all) methods.set(methodKey(method), "not-asked");

  const ask = async (method: DescMethodUnary): Promise<unknown> => {
    const request = harmlessRequest(method);
    if (request === undefined) return undefined;
    try {
      const { message } = await transport.unary(method, signal, undefined, undefined, request);
      methods.set(methodKey(method), "served");
      statuses.set(methodKey(method), 0);
      return message;
    } catch (error) {
      methods.set(methodKey(method), answerOf(error));
      const sent = sentStatus(error);
      if (sent !== undefined) statuses.set(methodKey(method), sent);
      throw error;
    }
  };
  // first: a runtime that is still starting refuses every call alike
  const status: Asked["status"] = await ask(runtime.method.status).then(
    (response) => ({ response: response as StatusResponse }),
    (error: unknown) => ({ error }),
  );
  const others = all.filter(isUnary).filter((method) => method.name !== runtime.method.status.name);
  await Promise.allSettled(others.map(ask));

  const streams = all.filter(isServerStreaming).filter((method) => isSafeToOpen(method, status));
  if (streams.length > 0) {
    for (const [method, answer] of await askStreams({ transport, streams, version: runtime.method.version, signal })) {
      methods.set(methodKey(method), answer);
    }
  }
  options.signal?.throwIfAborted();
  return { methods, statuses, status };
}

/**
 * Until runtimes showed features, each container event went to one reader only, so that a second one takes events from
 * the kubelet, and goes on to after it has gone (containerd 1.7, CRI-O of its time).
 */
function isSafeToOpen(method: DescMethod, status: Asked["status"]): boolean {
  if (method.name !== RuntimeService.method.getContainerEvents.name) return true;
  return "response" in status && (status.response.features !== undefined || status.response.runtimeHandlers.length > 0);
}

interface Streams {
  readonly transport: Transport;
  readonly streams: readonly DescMethodStreaming[];
  /** Answered by every runtime: what is asked after the streams. */
  readonly version: DescMethodUnary;
  readonly signal: AbortSignal;
}

/** A stream that is served may stay silent for ever; one that is not is refused at once. */
async function askStreams(o: Streams): Promise<ReadonlyMap<DescMethod, MethodAnswer>> {
  const answers = new Map<DescMethod, MethodAnswer>();
  const hangUp = new AbortController();
  const signal = AbortSignal.any([o.signal, hangUp.signal]);
  const opened = Promise.all(
    o.streams.map(async (method) => {
      const answer = await firstAnswer(o.transport, method, signal);
      if (!hangUp.signal.aborted) answers.set(method, answer);
    }),
  );
  const later = await o.transport.unary(o.version, o.signal, undefined, undefined, {}).then(() => "served", answerOf);
  const { promise: grace, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([opened, grace]);
  clearTimeout(timer);
  hangUp.abort();
  await opened;
  for (const method of o.streams) {
    if (!answers.has(method)) answers.set(method, later === "unanswered" ? "unanswered" : "served");
  }
  return answers;
}

async function firstAnswer(
  transport: Transport,
  method: DescMethodStreaming,
  signal: AbortSignal,
): Promise<MethodAnswer> {
  try {
    const request = harmlessRequest(method) ?? {};
    const { message } = await transport.stream(method, signal, undefined, undefined, once(request));
    for await (const _ of message) break;
    return "served";
  } catch (error) {
    return answerOf(error);
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodStreaming & { methodKind: "server_streaming" } {
  return method.methodKind === "server_streaming";
}

/** `RuntimeService/CreateContainer`: the same for every version. */
export function methodKey(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}
