const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** `grpc-timeout` in milliseconds (gRPC over HTTP/2, "Timeout"). NaN when it is none. */
export function grpcTimeoutMs(header: string): number {
  const unit = unitMs[header.slice(-1)];
  return unit !== undefined && /^\d{1,8}.$/.test(header) ? Number(header.slice(0, -1)) * unit : Number.NaN;
}
