import type { ImageService, RuntimeService } from "@keelson/cri-api/v1";

/** `version`, `runPodSandbox`, `pullImage`, …: a call of either service. */
export type CriMethodName = keyof (typeof RuntimeService)["method"] | keyof (typeof ImageService)["method"];

export interface Deadlines {
  /** The kubelet's `runtimeRequestTimeout`, in milliseconds. Default 120,000; 0 is none. */
  readonly requestTimeoutMs: number;
  /** Deadlines of single methods instead of the kubelet's, in milliseconds; 0 is none. */
  readonly byMethod: Readonly<Partial<Record<CriMethodName, number>>>;
}

/** `grpc-timeout` has eight digits (PROTOCOL-HTTP2), which in milliseconds are a day. */
const longestMs = 99_999_999;

/**
 * How long a call may take, in milliseconds, undefined for ever. As the kubelet has it: twice the request timeout for
 * RunPodSandbox; the grace besides for StopContainer and the command's own limit for ExecSync, which may run for ever when
 * it has none; at least what is asked for a checkpoint; no deadline for a pull and for the stream of events.
 */
export function deadlineMs(method: string, request: object, deadlines: Deadlines): number | undefined {
  const own = deadlines.byMethod[method as CriMethodName];
  if (own !== undefined) return limited(own);
  const usual = deadlines.requestTimeoutMs;
  if (usual <= 0) return undefined;
  const seconds = "timeout" in request ? Number(request.timeout) : 0;
  switch (method) {
    case "pullImage":
    case "getContainerEvents":
      return undefined;
    case "runPodSandbox":
      return limited(2 * usual);
    case "stopContainer":
      return limited(usual + Math.max(0, seconds) * 1000);
    case "execSync":
      return seconds <= 0 ? undefined : limited(usual + seconds * 1000);
    case "checkpointContainer":
      return limited(Math.max(usual, seconds * 1000));
    default:
      return limited(usual);
  }
}

/** A deadline as the transport takes it: none for 0 and less, a day at most. */
export function limited(ms: number): number | undefined {
  return ms > 0 ? Math.min(ms, longestMs) : undefined;
}
