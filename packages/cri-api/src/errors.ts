/**
 * The categories of failure that cross a CRI boundary. They mirror gRPC's status codes, so that a kubelet understands
 * them; code that fails throws a category and knows nothing of the transport.
 */
export type CriErrorCode =
  | "CANCELED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** The one error table: category → number of the gRPC status (grpc.io, "Status codes and their use in gRPC"). */
export const grpcStatus: Readonly<Record<CriErrorCode, number>> = {
  CANCELED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

/** What the kubelet reads from the start of a message whose code is Unknown (k8s.io/cri-api/pkg/errors). */
export type KubeletErrorPrefix =
  | "RegistryUnavailable"
  | "SignatureValidationFailed"
  | "RROUnsupported"
  | "ImageVolumeMountFailed";

/**
 * Which of the failures of one category it is, where a program does something else for each; stable like the category.
 * The client sets them; over the wire go only category, prefix and message.
 */
export type CriErrorReason =
  /** Nothing listens at the endpoint: no socket, or nobody behind it. */
  | "NOT_LISTENING"
  /** The connection broke or is being made anew, or the runtime cut the call off. */
  | "CONNECTION_LOST"
  /** What listens there does not speak gRPC: a web server, another protocol, garbage. */
  | "NOT_GRPC"
  /** It speaks gRPC and serves no version of CRI: the node must not be registered. */
  | "SERVES_NO_CRI"
  /** It serves CRI, and none of the versions that the client may speak: the node must not be registered. */
  | "NO_COMMON_VERSION"
  /** The runtime no longer serves the version that was chosen, and serves another: negotiate anew. */
  | "RESTART_REQUIRED"
  /** The method is not part of the version that was negotiated; nothing was sent. */
  | "NOT_IN_VERSION"
  /** The runtime would ignore a field that makes a pod safer or stronger: nothing was sent. */
  | "WEAKER_THAN_ASKED"
  /** A message is larger than the limit of the client or of the runtime. */
  | "MESSAGE_TOO_LARGE"
  /** The runtime has no stream of container events, or has it switched off. */
  | "EVENTS_NOT_SERVED";

export interface CriErrorOptions {
  readonly cause?: unknown;
  readonly reason?: CriErrorReason;
  /** What the caller or the operator can do about it: one lower-case sentence without a full stop. */
  readonly hint?: string;
  /** Sent in front of the message with code UNKNOWN, the form that the kubelet knows. */
  readonly prefix?: KubeletErrorPrefix;
}

const brand: unique symbol = Symbol.for("keelson.CriError") as never;

/** An error with a stable category. Tell it apart with {@link isCriError}, never by its class or its message. */
export class CriError extends Error {
  readonly code: CriErrorCode;
  readonly hint: string | undefined;
  readonly prefix: KubeletErrorPrefix | undefined;
  readonly reason: CriErrorReason | undefined;

  constructor(code: CriErrorCode, message: string, options: CriErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CriError";
    this.code = code;
    this.hint = options.hint;
    this.prefix = options.prefix;
    this.reason = options.reason;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for any {@link CriError}, also one from another copy of this module; with `code` only for that category. */
export function isCriError(error: unknown, code?: CriErrorCode): error is CriError {
  return (
    typeof error === "object" &&
    error !== null &&
    brand in error &&
    (code === undefined || (error as unknown as CriError).code === code)
  );
}

/** The text that goes over the wire: prefix, message and hint, at most 4 KiB. */
export function wireMessage(error: CriError): string {
  const text = `${error.prefix === undefined ? "" : `${error.prefix}: `}${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
  return text.length > 4096 ? `${text.slice(0, 4093)}...` : text;
}

/** Quotes foreign text for a message: control characters escaped, cut at `max` characters (default 200). */
export function quote(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here
  return `"${cut.replace(/[\u0000-\u001f"\\\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}

export const invalidArgument = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("INVALID_ARGUMENT", message, options);
export const notFound = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("NOT_FOUND", message, options);
export const alreadyExists = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("ALREADY_EXISTS", message, options);
export const failedPrecondition = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("FAILED_PRECONDITION", message, options);
export const unavailable = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("UNAVAILABLE", message, options);
export const internal = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("INTERNAL", message, options);
export const unimplemented = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("UNIMPLEMENTED", message, options);
export const deadlineExceeded = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("DEADLINE_EXCEEDED", message, options);
export const canceled = (message: string, options?: CriErrorOptions): CriError =>
  new CriError("CANCELED", message, options);

/** A registry that could not be reached: Unknown with the prefix that makes the kubelet report it as such. */
export const registryUnavailable = (message: string, options: Omit<CriErrorOptions, "prefix"> = {}): CriError =>
  new CriError("UNKNOWN", message, { ...options, prefix: "RegistryUnavailable" });
