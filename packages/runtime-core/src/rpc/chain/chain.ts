import type { CriErrorCode } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { Core } from "../../core.ts";
import type { OpenCall } from "../call.ts";
import { categorize } from "../to-connect-error.ts";
import { type CallCount, gate } from "./gate.ts";
import { log } from "./log.ts";
import { measure } from "./measure.ts";
import { trace } from "./trace.ts";

/** The method whose calls pass a chain. */
export interface Served {
  /** The RPC's name in the proto, for instance `RunPodSandbox`. */
  readonly rpc: string;
  /** Its service as in the call's path, for instance `runtime.v1.RuntimeService`. */
  readonly service: string;
  readonly version: CriVersion;
  readonly kind: "unary" | "stream";
  /** All calls that run, over all methods of one core. */
  readonly count: CallCount;
  /** Whether its calls are among those; not where a stream may stay open for ever. */
  readonly counted: boolean;
}

/** How a call ended, as its caller sees it. */
export interface CallEnd {
  /** CANCELED when the caller went. */
  readonly code: "OK" | CriErrorCode;
  /** What was thrown, as it was; undefined when nothing was. */
  readonly error: unknown;
  readonly tookMs: number;
  /** How many parts of a stream the caller has taken. */
  readonly parts: number | undefined;
}

/** What a link hears of one call. */
export interface Watch {
  /** The caller is answered, or told of the failure, or has gone. Once. */
  told?(end: CallEnd): void;
  /** Nothing runs for the call any more. Once; not for a link that has refused it. */
  over?(): void;
}

/** A link sees each call of a method before it runs; what it throws refuses the call. */
export type Link = (core: Core, served: Served) => (call: OpenCall) => Watch;

/** What happens around every call, from the outside in: calls begin in this order and end in reverse. */
const links: readonly Link[] = [trace, measure, log, gate];

/** One call on its way through the chain. */
export interface Passage {
  /** Lets the call in. @throws what a link refuses it with */
  enter(): void;
  /** Says how the call ended. What comes after the first time is not heard. */
  told(error?: unknown, parts?: number): void;
  /** Says that nothing runs for the call any more. Once, and only after `enter` has returned. */
  over(): void;
}

/** The chain of one method: logs, metrics, trace context and the gate of every call. */
export function openChain(core: Core, served: Served): (call: OpenCall) => Passage {
  const chain = links.map((link) => link(core, served));
  return (call) => {
    const beganMs = performance.now();
    const watches: Watch[] = [];
    let isTold = false;
    return {
      enter() {
        try {
          for (const begin of chain) watches.unshift(begin(call));
        } catch (error) {
          for (const watch of watches) watch.over?.();
          throw error;
        }
      },
      told(error, parts) {
        if (isTold) return;
        isTold = true;
        const code = error === undefined ? "OK" : categorize(error).code;
        const end: CallEnd = { code, error, tookMs: performance.now() - beganMs, parts };
        for (const watch of watches) watch.told?.(end);
      },
      over() {
        for (const watch of watches) watch.over?.();
      },
    };
  };
}
