import { canceled, deadlineExceeded, isCriError } from "@keelson/cri-api/errors";
import type { RegistryError } from "./registry-error.ts";

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Wait before the second try, in ms; doubled each time, with up to half of it at random on top. */
  readonly baseDelayMs: number;
  /** Longest wait, and the longest Retry-After that is waited for, in ms. */
  readonly maxDelayMs: number;
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const sleep: Sleep = (ms, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = (): void => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
};

/** The wait before try number `attempt` (from 2 on), or undefined when trying again makes no sense. */
export function retryDelay(error: RegistryError, attempt: number, policy: RetryPolicy): number | undefined {
  if (!error.retryable || attempt > policy.attempts) return undefined;
  const asked = error.retryAfterMs ?? 0;
  if (asked > policy.maxDelayMs) return undefined;
  const backoff = policy.baseDelayMs * 2 ** (attempt - 2) * (1 + Math.random() / 2);
  return Math.min(policy.maxDelayMs, Math.max(asked, backoff));
}

/** `Retry-After` in ms: seconds or an HTTP date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined || value.length > 64) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Throws when the caller has given up: DEADLINE_EXCEEDED for a timeout, else CANCELED. */
export function throwIfAborted(signal: AbortSignal, what: string): void {
  if (!signal.aborted) return;
  const cause: unknown = signal.reason;
  if (isCriError(cause)) throw cause;
  const isTimeout = cause instanceof Error && cause.name === "TimeoutError";
  throw isTimeout ? deadlineExceeded(`${what}: no time left`, { cause }) : canceled(`${what}: canceled`, { cause });
}
