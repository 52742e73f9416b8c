import { CriError, type CriErrorCode, isCriError } from "@keelson/cri-api/errors";
import { defaultBackoff, pauseMs } from "../backoff.ts";
import { isMethodMissing } from "../lists/is-method-missing.ts";
import type { StreamEnd } from "./event-stream.ts";

/** A stream that held so long was served, and the next one begins without a pause. */
const heldMs = 1000;
/** So many lists in a row may fail on one connection before the state of the node counts as unknown. */
const maxFailedLists = 3;

/** With these a runtime refuses a call: asking again would bring the same. */
const refusals: ReadonlySet<CriErrorCode> = new Set([
  "UNIMPLEMENTED",
  "INVALID_ARGUMENT",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "FAILED_PRECONDITION",
]);

/** What became of the streams of one iteration: decides whether there is a next one, and when. */
export class Attempts {
  readonly #endpoint: string;
  readonly #random: () => number;
  /** The connection on which a stream has held or given events. */
  #servedOn: number | undefined;
  /** The connection on which a stream has ended at once. */
  #endedAtOnceOn: number | undefined;
  #failedLists = { epoch: 0, count: 0 };
  #failures = 0;

  constructor(endpoint: string, random: () => number) {
    this.#endpoint = endpoint;
    this.#random = random;
  }

  /** Whether what ended so is no stream of events at all: there is no state to be told beside it. */
  isNone(end: StreamEnd, epoch: number): boolean {
    return end.error === undefined ? this.#endedAtOnce(end, epoch) : refusals.has(end.error.code);
  }

  /**
   * Takes note of a stream's end on the connection `epoch`. Returns the cause of the next resync.
   * @throws when there is to be no next stream
   */
  ended(end: StreamEnd, epoch: number): CriError {
    const { error } = end;
    if (isMethodMissing(error)) {
      throw eventsNotServed(this.#endpoint, "UNIMPLEMENTED", "the runtime has no GetContainerEvents", error);
    }
    if (error !== undefined && refusals.has(error.code)) throw error;
    if (this.#endedAtOnce(end, epoch)) {
      if (this.#endedAtOnceOn === epoch) {
        throw eventsNotServed(this.#endpoint, "FAILED_PRECONDITION", "the runtime ends the stream at once, with OK");
      }
      this.#endedAtOnceOn = epoch;
    }
    const held = end.livedMs >= heldMs;
    if (held || end.gaveEvents) this.#servedOn = epoch;
    this.#failures = held ? 0 : this.#failures + 1;
    return error ?? new CriError("UNAVAILABLE", `follow container events at ${this.#endpoint}: the stream was ended`);
  }

  listed(): void {
    this.#failedLists = { epoch: 0, count: 0 };
  }

  /** Takes note of a list that failed. Returns the cause of the next resync. @throws it, when too many failed */
  listFailed(error: unknown, epoch: number): CriError {
    if (!isCriError(error)) throw error;
    this.#failures++;
    // a runtime that is starting or going says so until it is there or gone
    if (error.code === "UNAVAILABLE") return error;
    const count = this.#failedLists.epoch === epoch ? this.#failedLists.count + 1 : 1;
    this.#failedLists = { epoch, count };
    if (count >= maxFailedLists || refusals.has(error.code)) throw error;
    return error;
  }

  /** How long to wait before the next stream, in milliseconds. */
  pauseMs(): number {
    return pauseMs(this.#failures, defaultBackoff, this.#random);
  }

  /**
   * CRI-O with events switched off ends every stream so, and a runtime that shuts down may end one: it counts where no
   * stream has held on this connection, and the second time only.
   */
  #endedAtOnce(end: StreamEnd, epoch: number): boolean {
    return end.error === undefined && !end.gaveEvents && end.livedMs < heldMs && this.#servedOn !== epoch;
  }
}

export function eventsNotServed(endpoint: string, code: CriErrorCode, why: string, cause?: CriError): CriError {
  const hint =
    code === "FAILED_PRECONDITION"
      ? "CRI-O needs enable_pod_events = true in its [crio.runtime]; or poll with lists"
      : "poll with lists, or use a runtime that serves events";
  return new CriError(code, `follow container events at ${endpoint}: ${why}`, {
    reason: "EVENTS_NOT_SERVED",
    hint,
    cause,
  });
}
