import type { DescMethodServerStreaming, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import type { Call } from "./call.ts";
import type { StreamCall } from "./serve-stream.ts";

/** One RPC: validate, join, record, delegate, answer. */
export type Rpc<Method extends DescMethodUnary> = (
  core: Core,
) => (
  request: MessageShape<Method["input"]>,
  call: Call,
) => MessageInitShape<Method["output"]> | Promise<MessageInitShape<Method["output"]>>;

/**
 * One RPC that answers with a stream: validate, then hand out part after part. The next part is asked for when the caller
 * has taken the one before; `call.signal` fires when it goes, and every wait ends then.
 */
export type StreamRpc<Method extends DescMethodServerStreaming> = (
  core: Core,
) => (request: MessageShape<Method["input"]>, call: StreamCall) => AsyncIterable<MessageInitShape<Method["output"]>>;

type StreamingOf<Methods> = {
  [Name in keyof Methods as Methods[Name] extends DescMethodServerStreaming ? Name : never]: Extract<
    Methods[Name],
    DescMethodServerStreaming
  >;
};

type UnaryOf<Methods> = {
  [Name in keyof Methods as Methods[Name] extends DescMethodUnary ? Name : never]: Extract<
    Methods[Name],
    DescMethodUnary
  >;
};

export type RuntimeMethods = UnaryOf<(typeof RuntimeService)["method"]>;
export type ImageMethods = UnaryOf<(typeof ImageService)["method"]>;

export type RuntimeStreams = StreamingOf<(typeof RuntimeService)["method"]>;
export type ImageStreams = StreamingOf<(typeof ImageService)["method"]>;

/** An RPC of the RuntimeService, by its name in TypeScript. */
export type RuntimeRpc<Name extends keyof RuntimeMethods> = Rpc<RuntimeMethods[Name]>;
/** An RPC of the ImageService, by its name in TypeScript. */
export type ImageRpc<Name extends keyof ImageMethods> = Rpc<ImageMethods[Name]>;
/** An RPC of the RuntimeService that answers with a stream, by its name in TypeScript. */
export type RuntimeStreamRpc<Name extends keyof RuntimeStreams> = StreamRpc<RuntimeStreams[Name]>;
/** An RPC of the ImageService that answers with a stream, by its name in TypeScript. */
export type ImageStreamRpc<Name extends keyof ImageStreams> = StreamRpc<ImageStreams[Name]>;
