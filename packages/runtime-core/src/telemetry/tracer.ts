import type { CriErrorCode } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";

/** A call whose span begins. */
export interface TracedCall {
  /** The RPC's name in the proto, for instance `RunPodSandbox`. */
  readonly rpc: string;
  /** The service as in the call's path, for instance `runtime.v1.RuntimeService`. */
  readonly service: string;
  readonly version: CriVersion;
  /** What the caller sent under these names; null where it sent none. */
  readonly header: (name: string) => string | null;
}

export interface Span {
  /** 32 lower-case hex digits; undefined when nothing is recorded. */
  readonly traceId: string | undefined;
  /** Once. */
  end(end: { readonly code: "OK" | CriErrorCode; readonly message: string | undefined }): void;
}

/** Who makes spans of calls. Never throws. */
export interface Tracer {
  /** Begins the span of a call, below the caller's own where it sent one. */
  begin(call: TracedCall): Span;
}
