export interface Backoff {
  /** Before the second attempt, in milliseconds. Default 100. */
  readonly initialMs: number;
  /** The longest pause, in milliseconds. Default 3,000. */
  readonly maxMs: number;
}

/** The kubelet's own (k8s.io/cri-client since 1.28). */
export const defaultBackoff: Backoff = { initialMs: 100, maxMs: 3000 };

/**
 * The pause after `failures` attempts that failed in a row: none after none, then twice as long each time up to the longest;
 * a fifth of it, up or down, by chance, so that the clients of a node do not dial at one moment.
 */
export function pauseMs(failures: number, { initialMs, maxMs }: Backoff, random: () => number = Math.random): number {
  if (failures === 0) return 0;
  const pause = Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30));
  return pause * (0.8 + 0.4 * random());
}
