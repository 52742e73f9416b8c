import { create, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import type { CriCallOptions, CriClient, CriConnection } from "@keelson/cri-client";
import { type Transcript, writeError, writeMessage } from "./transcript.ts";

/** All methods of both services. They throw `CriError`s, and end with their case. */
export type Calls = CriClient<typeof RuntimeService> & CriClient<typeof ImageService>;

export interface CallsOptions {
  readonly connection: CriConnection;
  /** What ends a call that begins now. */
  readonly signal: () => AbortSignal;
  readonly transcript: Transcript;
  /** Default: nothing stands between. */
  readonly intercept?: Intercept;
}

/** One call on its way. */
export interface InterceptedCall {
  readonly method: DescMethod;
  readonly request: Message;
}

/** Stands between a case and the runtime, for tests of the cases themselves. `next` makes the call, perhaps with another request. */
export interface Intercept {
  unary(call: InterceptedCall, next: (request?: Message) => Promise<Message>): Promise<Message>;
  stream(call: InterceptedCall, next: (request?: Message) => AsyncIterable<Message>): AsyncIterable<Message>;
}

type Unary = (request: Message, options: CriCallOptions) => Promise<Message>;
type Streamed = (request: Message, options: CriCallOptions) => AsyncIterable<Message>;

export function createCalls(options: CallsOptions): Calls {
  const { runtime, images } = options.connection;
  return { ...wrap(RuntimeService, runtime, options), ...wrap(ImageService, images, options) };
}

function wrap<Service extends DescService>(
  service: Service,
  client: CriClient<Service>,
  options: CallsOptions,
): CriClient<Service> {
  const plain = client as unknown as Readonly<Record<string, unknown>>;
  const wrapped = service.methods.map((method) => {
    const call = plain[method.localName];
    return [
      method.localName,
      method.methodKind === "unary"
        ? (request: object, own: CriCallOptions = {}) => unary(method, call as Unary, request, own, options)
        : (request: object, own: CriCallOptions = {}) => streamed(method, call as Streamed, request, own, options),
    ];
  });
  // each was taken from the same place of the same client
  return Object.fromEntries(wrapped) as unknown as CriClient<Service>;
}

async function unary(
  method: DescMethod,
  call: Unary,
  init: object,
  own: CriCallOptions,
  { signal, transcript, intercept }: CallsOptions,
): Promise<Message> {
  const request = create(method.input, init as Record<string, unknown>);
  transcript.add(() => `→ ${method.name} ${writeMessage(method.input, request)}`);
  try {
    const next = (asked: Message = request): Promise<Message> => call(asked, bounded(own, signal()));
    const answer = await (intercept === undefined ? next() : intercept.unary({ method, request }, next));
    transcript.add(() => `← ${method.name} ${writeMessage(method.output, answer)}`);
    return answer;
  } catch (error) {
    transcript.add(`← ${method.name} ${writeError(error)}`);
    throw error;
  }
}

async function* streamed(
  method: DescMethod,
  call: Streamed,
  init: object,
  own: CriCallOptions,
  { signal, transcript, intercept }: CallsOptions,
): AsyncGenerator<Message, void> {
  const request = create(method.input, init as Record<string, unknown>);
  transcript.add(() => `→ ${method.name} ${writeMessage(method.input, request)}`);
  try {
    const next = (asked: Message = request): AsyncIterable<Message> => call(asked, bounded(own, signal()));
    for await (const message of intercept?.stream({ method, request }, next) ?? next()) {
      transcript.add(() => `← ${method.name} ${writeMessage(method.output, message)}`);
      yield message;
    }
    transcript.add(`← ${method.name} ends`);
  } catch (error) {
    transcript.add(`← ${method.name} ${writeError(error)}`);
    throw error;
  }
}

function bounded(own: CriCallOptions, signal: AbortSignal): CriCallOptions {
  return { ...own, signal: own.signal === undefined ? signal : AbortSignal.any([own.signal, signal]) };
}
