import type { Task } from "../ports/index.ts";
import { Stage } from "../stage.ts";

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
  /** From now on the waiter's stage is this one. */
  follow(stage: Stage): void;
}

/** A work as it runs: what an engine sees of it, and how it waits for other works itself. */
export interface WorkTask extends Task, Waiter {}

/**
 * Begins a work; its first line runs after this function has returned. What it throws reaches those who wait; when there
 * are none it reaches nobody.
 */
export function startWork<T>(firstStage: string, run: (task: WorkTask) => Promise<T>): Work<T> {
  const stage = new Stage(firstStage);
  const controller = new AbortController();
  const task: WorkTask = {
    signal: controller.signal,
    stage: (text) => stage.set(text),
    follow: (other) => stage.set(other),
  };
  const promise = Promise.resolve().then(() => run(task));
  promise.catch(() => {});
  return { promise, stage, abort: (reason) => controller.abort(reason) };
}

/**
 * Waits for a work until the waiter goes.
 * @throws what the work threw; the reason of the waiter's signal
 */
export async function waitFor<T>(work: Pick<Work<T>, "promise" | "stage">, waiter: Waiter): Promise<T> {
  const { signal } = waiter;
  signal.throwIfAborted();
  waiter.follow(work.stage);
  const gone = Promise.withResolvers<never>();
  const leave = () => gone.reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work.promise, gone.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Waits until a work has ended in whatever way, or the waiter goes. */
export async function untilEnd(work: Work<unknown> | undefined, stage: string, waiter: Waiter): Promise<void> {
  if (work === undefined) return;
  await waitFor({ promise: work.promise.catch(() => {}), stage: new Stage(stage) }, waiter);
}
