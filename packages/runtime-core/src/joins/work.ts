import type { Task } from "../ports/index.ts";
import { Stage } from "../stage.ts";
import type { OperationWatch } from "../telemetry/operations.ts";

/** An operation that runs on its own: callers come and go, it ends when it ends. */
export interface Work<T> {
  readonly promise: Promise<T>;
  readonly stage: Stage;
  /** Tells the operation that nobody wants it any more. It still ends by itself. */
  abort(reason: Error): void;
}

/** Who waits for a work. */
export interface Waiter {
  /** Fires when the waiter goes; its reason is what the waiter is told. */
  readonly signal: AbortSignal;
  /** The waiter's stage is this one, until the returned function is called. */
  follow(stage: Stage): () => void;
}

/** A work as it runs: what an engine sees of it, and how it waits for other works itself. */
export interface WorkTask extends Task, Waiter {}

/** How a work begins: its first stage, and who hears of it. */
export interface WorkStart {
  readonly what: string;
  readonly of?: string;
  readonly watch?: OperationWatch | undefined;
}

/**
 * Begins a work; its first line runs after this function has returned. What it throws reaches those who wait; when there
 * are none it reaches nobody.
 */
export function startWork<T>({ what, of, watch }: WorkStart, run: (task: WorkTask) => Promise<T>): Work<T> {
  const stage = new Stage(what, of, watch?.stage);
  const controller = new AbortController();
  const task: WorkTask = {
    signal: controller.signal,
    stage: (next, about) => stage.set(next, about),
    follow: (other) => stage.follow(other),
  };
  const promise = Promise.resolve().then(() => run(task));
  const end = (result: "done" | "failed"): void => {
    stage.end();
    watch?.end(result);
  };
  promise.then(
    () => end("done"),
    () => end("failed"),
  );
  return { promise, stage, abort: (reason) => controller.abort(reason) };
}

/**
 * Waits for a work until the waiter goes.
 * @throws what the work threw; the reason of the waiter's signal
 */
export async function waitFor<T>(work: Pick<Work<T>, "promise" | "stage">, waiter: Waiter): Promise<T> {
  const { signal } = waiter;
  signal.throwIfAborted();
  const unfollow = waiter.follow(work.stage);
  const gone = Promise.withResolvers<never>();
  const leave = () => gone.reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work.promise, gone.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
    unfollow();
  }
}

/** Waits until a work has ended in whatever way, or the waiter goes. The stage says what the waiter does meanwhile. */
export async function untilEnd(work: Work<unknown> | undefined, stage: Stage, waiter: Waiter): Promise<void> {
  if (work === undefined) return;
  await waitFor({ promise: work.promise.catch(() => {}), stage }, waiter);
}
