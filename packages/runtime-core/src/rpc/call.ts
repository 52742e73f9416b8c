import { canceled, deadlineExceeded } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { Waiter } from "../joins/work.ts";
import type { LogFields } from "../log.ts";
import type { Progress } from "../ports/task.ts";
import { Stage } from "../stage.ts";

/** One call of one caller. */
export interface Call extends Waiter, Progress {
  /** The RPC's name in the proto, for instance `RunPodSandbox`. */
  readonly rpc: string;
  /** The version of CRI by whose path the call came. */
  readonly version: CriVersion;
  /** The trace that the call belongs to: 32 lower-case hex digits. */
  readonly traceId: string | undefined;
  /** What the caller sent along under a name. */
  readonly header: (name: string) => string | null;
}

export interface CallOptions {
  readonly rpc: string;
  readonly version: CriVersion;
  /** The time that the caller gives; undefined when it waits for ever. */
  readonly timeoutMs: number | undefined;
  /** Fires when the caller goes. */
  readonly signal: AbortSignal;
  /** What the caller sent along. Default: nothing. */
  readonly headers?: Pick<Headers, "get">;
}

/** The answer has this long to reach the caller before the caller's own clock fires. */
const answerMarginMs = 200;
// setTimeout takes a signed 32-bit number and fires at once for more
const longestTimerMs = 2 ** 31 - 1;

export interface OpenCall extends Call {
  traceId: string | undefined;
  /** Rejects when the caller goes or its deadline is near. */
  readonly gone: Promise<never>;
  /** Ends the call from inside, as if the caller had gone for this reason. */
  leave(reason: Error): void;
  /** Lets go of timer and listener. */
  close(): void;
}

/**
 * Opens a call. Its deadline is the caller's own clock and so a real timer, whatever clock the core has: a caller whose
 * clock fires first learns nothing of the stage.
 */
export function openCall(options: CallOptions): OpenCall {
  const { rpc, version, timeoutMs, signal, headers } = options;
  const stage = new Stage("beginning");
  const controller = new AbortController();
  const { promise: gone, reject } = Promise.withResolvers<never>();
  gone.catch(() => {});
  let joined = false;

  const leave = (reason: Error): void => {
    controller.abort(reason);
    reject(reason);
  };
  const onDeadline = (): void =>
    leave(
      deadlineExceeded(
        `${rpc}: deadline reached while ${stage.text}`,
        joined ? { hint: "the operation goes on; the same call joins it" } : {},
      ),
    );
  const onGone = (): void => leave(canceled(`${rpc}: the caller went while ${stage.text}`));

  const timer =
    timeoutMs === undefined || timeoutMs <= 0
      ? undefined
      : setTimeout(onDeadline, Math.min(timeoutMs - Math.min(answerMarginMs, timeoutMs / 2), longestTimerMs));
  if (timeoutMs !== undefined && timeoutMs <= 0) onDeadline();
  else if (signal.aborted) onGone();
  else signal.addEventListener("abort", onGone, { once: true });

  return {
    rpc,
    version,
    signal: controller.signal,
    traceId: undefined,
    header: (name) => headers?.get(name) ?? null,
    stage: (what, of) => stage.set(what, of),
    follow: (other) => {
      joined = true;
      return stage.follow(other);
    },
    gone,
    leave,
    close() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onGone);
    },
  };
}

/** What a log line says of a call. */
export const about = ({ rpc, version, traceId }: Call): LogFields =>
  traceId === undefined ? { rpc, version } : { rpc, version, trace_id: traceId };
