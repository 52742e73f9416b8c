/** Whose call this is, in the words of W3C Trace Context. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
}

/** Nothing that a caller sends may be longer in the log. */
const longestHeader = 512;
const zeros = /^0+$/;

/**
 * Reads a `traceparent` header: `00-TRACE-PARENT-FLAGS`, or a later version that begins so.
 * @returns undefined when there is none or when it means nothing: such a call has no trace
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function readTraceparent(header: string | null): TraceContext | undefined {
  if (header === null || header.length > longestHeader) return undefined;
  const [, version, traceId, parentId, , rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? [];
  if (version === undefined || traceId === undefined || parentId === undefined || version === "ff") return undefined;
  if (version === "00" && rest !== undefined) return undefined;
  return zeros.test(traceId) || zeros.test(parentId) ? undefined : { traceId };
}
