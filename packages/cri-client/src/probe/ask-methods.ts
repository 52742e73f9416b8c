import type { DescMethod, DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { RuntimeService, type StatusResponse } from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { sentStatus } from "../from-connect-error.ts";
import { harmlessRequest, type Request } from "./harmless-requests.ts";
import { answerOf, isLeftOpen, type MethodAnswer } from "./method-answer.ts";

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
  /** What a method failed with of which another time might tell more: no answer in time, a broken connection. */
  readonly open: readonly unknown[];
}

/**
 * Asks for the methods of the version that have a harmless form: Status, then all others at once.
 * @param isWanted Default: all of them. Status is asked in any case.
 */
export async function askMethods(options: AskOptions, isWanted?: (key: string) => boolean): Promise<Asked> {
  const { transport, version, signal } = options;
  signal?.throwIfAborted();
  const end = performance.now() + options.timeoutMs;
  // whole ones: a fraction is no grpc-timeout
  const leftMs = (): number => Math.max(1, Math.round(end - performance.now()));
  const { runtime, image } = criServices[version];
  const all: readonly DescMethod[] = [...runtime.methods, ...image.methods];
  const methods = new Map<string, MethodAnswer>(all.map((method) => [methodKey(method), "not-asked"]));
  const statuses = new Map<string, number>();
  const open: unknown[] = [];
  const note = (method: DescMethod, error: unknown): void => {
    methods.set(methodKey(method), answerOf(error));
    if (isLeftOpen(error)) open.push(error);
  };

  const ask = async (method: DescMethodUnary, request: Request, timeoutMs: number): Promise<unknown> => {
    try {
      const { message } = await transport.unary(method, signal, timeoutMs, undefined, request);
      methods.set(methodKey(method), "served");
      statuses.set(methodKey(method), 0);
      return message;
    } catch (error) {
      note(method, error);
      const sent = sentStatus(error);
      if (sent !== undefined) statuses.set(methodKey(method), sent);
      throw error;
    }
  };
  // first: a runtime that is still starting refuses every call alike; half of the time is left for the others
  const status: Asked["status"] = await ask(runtime.method.status, {}, Math.ceil(leftMs() / 2)).then(
    (response) => ({ response: response as StatusResponse }),
    (error: unknown) => ({ error }),
  );
  const wanted = all.filter((method) => isWanted?.(methodKey(method)) ?? true);
  const streams = wanted.filter(isServerStreaming).filter((method) => isSafeToOpen(method, status));
  // together: a method that stays silent takes no other one's time
  const [answers] = await Promise.all([
    askStreams({ transport, streams, version: runtime.method.version, signal, leftMs }),
    ...wanted.filter(isUnary).map(async (method) => {
      const request = harmlessRequest(method);
      if (request === undefined || method.name === runtime.method.status.name) return;
      // noted already
      await ask(method, request, leftMs()).catch(() => undefined);
    }),
  ]);
  for (const [method, error] of answers) {
    if (error === undefined) methods.set(methodKey(method), "served");
    else note(method, error);
  }
  signal?.throwIfAborted();
  return { methods, statuses, status, open };
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
  readonly signal: AbortSignal | undefined;
  readonly leftMs: () => number;
}

/**
 * A stream that is served may stay silent for ever; one that is not is refused at once.
 * @returns what each stream failed with, undefined for those that are served
 */
async function askStreams(o: Streams): Promise<ReadonlyMap<DescMethod, unknown>> {
  const answers = new Map<DescMethod, unknown>();
  if (o.streams.length === 0) return answers;
  const hangUp = new AbortController();
  const signal = o.signal === undefined ? hangUp.signal : AbortSignal.any([o.signal, hangUp.signal]);
  const opened = Promise.all(
    o.streams.map(async (method) => {
      const error = await firstAnswer(o.transport, method, signal, o.leftMs());
      if (!hangUp.signal.aborted) answers.set(method, error);
    }),
  );
  const later: unknown = await o.transport.unary(o.version, o.signal, o.leftMs(), undefined, {}).then(
    () => undefined,
    (error: unknown) => error,
  );
  const { promise: grace, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([opened, grace]);
  clearTimeout(timer);
  hangUp.abort();
  await opened;
  const isAnswered = later === undefined || answerOf(later) !== "unanswered";
  for (const method of o.streams) {
    if (!answers.has(method)) answers.set(method, isAnswered ? undefined : later);
  }
  return answers;
}

/** Resolves with what the stream failed with, or with undefined at its first message or its end without an error. */
async function firstAnswer(
  transport: Transport,
  method: DescMethodStreaming,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<unknown> {
  try {
    const request = harmlessRequest(method) ?? {};
    const { message } = await transport.stream(method, signal, timeoutMs, undefined, once(request));
    for await (const _ of message) break;
    return undefined;
  } catch (error) {
    return error;
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
