import { constants } from "node:os";
import process from "node:process";
import { canceled } from "@keelson/cri-api/errors";

/** What ends a command that has something to take back. */
export interface Interrupts extends Disposable {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP, or when nobody reads stdout any more: end in good order. */
  readonly stop: AbortSignal;
  /** Fires at the second, or 30 s after the first: wait no longer. The third ends the process on the spot. */
  readonly hurry: AbortSignal;
  /** 128 + the number of the first signal, as a shell has it; undefined while there was none. */
  readonly exitCode: number | undefined;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const orderlyMs = 30_000;
/** Ctrl-C below npm comes twice: from the terminal and from npm, which passes on its own. */
const echoMs = 500;

/** Listens until it is disposed; from then on signals act as ever. */
export function watchInterrupts(): Interrupts {
  const stop = new AbortController();
  const hurry = new AbortController();
  let exitCode: number | undefined;
  let firstAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (number: number): void => {
    if (exitCode === undefined) {
      exitCode = 128 + number;
      firstAtMs = performance.now();
      timer = setTimeout(() => hurry.abort(canceled("interrupted")), orderlyMs);
      stop.abort(canceled("interrupted"));
    } else if (performance.now() - firstAtMs > echoMs) {
      if (hurry.signal.aborted) process.exit(exitCode);
      hurry.abort(canceled("interrupted"));
    }
  };
  const onSignal = (_name: NodeJS.Signals, number: number): void => interrupt(number);
  const onClosed = (): void => interrupt(constants.signals.SIGPIPE);
  for (const name of signals) process.on(name, onSignal);
  process.stdout.on("error", onClosed);
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    get exitCode() {
      return exitCode;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const name of signals) process.off(name, onSignal);
      process.stdout.off("error", onClosed);
      // output that nobody takes holds the process no longer
      if (exitCode !== undefined) setTimeout(() => process.exit(), 1000).unref();
    },
  };
}

/** What `work` resolves to, unless the signal fires first; the work itself goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
