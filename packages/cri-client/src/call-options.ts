import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";

/** What a single call may have of its own. */
export interface CriCallOptions {
  /** Ends the call. */
  signal?: AbortSignal;
  /** Sent along as gRPC metadata: a trace context, say. */
  headers?: Headers | [string, string][] | Record<string, string>;
  /** Is told the metadata before the answer. */
  onHeader?(headers: Headers): void;
  /** Is told the metadata after it. */
  onTrailer?(trailers: Headers): void;
  /** How long the call may take, with the wait for the connection, in milliseconds; 0 is for ever. Default: as the kubelet. */
  timeoutMs?: number;
  /** Wait until the runtime is there, up to the deadline, instead of failing with UNAVAILABLE. Default: the connection's. */
  waitForReady?: boolean;
  /** See `ConnectOptions`. Default: the connection's. */
  onUnsupportedField?: "refuse" | "drop" | "send";
}

/**
 * The calls of a service: unary ones give a promise, streams an AsyncIterable that is opened by its first `next()` and
 * cancelled when the loop is left. They throw `CriError`s.
 */
export type CriClient<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageInitShape<Input>, options?: CriCallOptions) => Promise<MessageShape<Output>>
    : Service["method"][Name] extends DescMethodServerStreaming<infer Input, infer Output>
      ? (request: MessageInitShape<Input>, options?: CriCallOptions) => AsyncIterable<MessageShape<Output>>
      : never;
};
