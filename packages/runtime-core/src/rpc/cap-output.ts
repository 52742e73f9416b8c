interface Output {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** A gRPC message of the kubelet has at most 16 MiB; framing, mark and exit code stay below the difference. */
export const longestOutput: number = 16 * 1024 * 1024 - 64 * 1024;

const mark = new TextEncoder().encode("\n[output cut]\n");

/** Both streams together, cut to what an answer holds. Each may use what the other leaves; what is cut ends in a mark. */
export function capOutput(output: Output, limit: number = longestOutput): Output {
  const { stdout, stderr } = output;
  if (stdout.length + stderr.length <= limit) return output;
  const half = Math.floor(limit / 2);
  return {
    stdout: cut(stdout, Math.max(half, limit - stderr.length)),
    stderr: cut(stderr, Math.max(limit - half, limit - stdout.length)),
  };
}

function cut(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length <= limit) return bytes;
  const result = new Uint8Array(limit);
  result.set(bytes.subarray(0, Math.max(0, limit - mark.length)));
  result.set(mark.subarray(0, limit), Math.max(0, limit - mark.length));
  return result;
}
