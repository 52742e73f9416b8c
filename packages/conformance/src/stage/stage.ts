import { randomUUID } from "node:crypto";
import type { CriConnection } from "@keelson/cri-client";
import type { Target, TargetImages } from "../target.ts";
import { type Calls, createCalls, type Intercept } from "./calls.ts";
import { Pod, type PodOptions } from "./pod.ts";
import { Transcript } from "./transcript.ts";
import { type UntilOptions, until } from "./until.ts";

/** What the body of a case gets. All that it makes is removed when it ends, however it ends. */
export interface Stage {
  /** Every method of CRI. */
  readonly cri: Calls;
  /** The case's pod, which runs from its first use on: `pod.start()`, `pod.run()`. */
  readonly pod: Pod;
  /** Further pods. Like {@link Stage.pod} they run from their first use on. */
  anotherPod(options?: PodOptions): Pod;
  /** The target's busybox, which is pulled. */
  readonly image: string;
  readonly images: TargetImages;
  readonly target: Target;
  /** A word that no other case and no other run has: for names and labels. */
  readonly unique: string;
  /** Asks until the condition holds. */
  until<T>(
    what: string,
    holds: () => Promise<T | false | undefined> | T | false | undefined,
    options?: UntilOptions,
  ): Promise<T>;
  /** Ends the runtime and starts it again. Only for cases that need `restart`. */
  restart(signal?: "SIGTERM" | "SIGKILL", meanwhile?: () => Promise<void>): Promise<void>;
  /** Only for cases that need `network-outage`. */
  withoutNetwork(during: () => Promise<void>): Promise<void>;
  /** Is done after the body, the last one first, before pods are removed. */
  defer(what: string, undo: () => Promise<unknown>): void;
  /** Aborted when the case took too long. */
  readonly signal: AbortSignal;
}

export interface StageOptions {
  readonly target: Target;
  readonly connection: CriConnection;
  readonly transcript: Transcript;
  /** A folder of the session. */
  readonly logFolder: string;
  readonly signal: AbortSignal;
  readonly intercept?: Intercept;
  /** How long one `until` waits at most. */
  readonly waitMs?: number;
}

/** Makes a stage; `close` removes all that was made on it. @throws from `close`: what could not be removed */
export function openStage(options: StageOptions): { readonly stage: Stage; close(): Promise<void> } {
  const { target, connection, transcript, logFolder, signal, intercept, waitMs } = options;
  let ends = signal;
  const cri = createCalls({
    connection,
    transcript,
    signal: () => ends,
    ...(intercept === undefined ? {} : { intercept }),
  });
  const sweeping = new AbortController();
  const swept = new Transcript();
  const sweeper = createCalls({ connection, transcript: swept, signal: () => sweeping.signal });
  const pods: Pod[] = [];
  const undos: { readonly what: string; readonly undo: () => Promise<unknown> }[] = [];
  const unique = `c${randomUUID().slice(0, 8)}`;
  const openPod = (own: PodOptions = {}): Pod => {
    const name = own.name ?? `${unique}-${pods.length}`;
    const pod = new Pod({ cri, sweeper, target, logFolder, signal, waitMs, own: { ...own, name } });
    pods.push(pod);
    return pod;
  };
  const stage: Stage = {
    cri,
    pod: openPod(),
    anotherPod: openPod,
    image: target.images.busybox,
    images: target.images,
    target,
    unique,
    until: (what, holds, own = {}) => until(what, holds, { signal, waitMs, ...own }),
    async restart(how = "SIGTERM", meanwhile) {
      if (target.restart === undefined) throw new Error("a case that restarts the runtime needs `restart`");
      transcript.add(`the runtime gets ${how}`);
      await target.restart(how, meanwhile);
      transcript.add("the runtime is there again");
    },
    async withoutNetwork(during) {
      if (target.withoutNetwork === undefined)
        throw new Error("the network can't be taken away: a case needs `network-outage`");
      transcript.add("the network configuration is taken away");
      await target.withoutNetwork(during);
      transcript.add("the network configuration is there again");
    },
    defer: (what, undo) => undos.push({ what, undo }),
    signal,
  };
  return {
    stage,
    async close() {
      const failures: string[] = [];
      const attempt = async (what: string, undo: () => Promise<unknown>): Promise<void> => {
        await undo().catch((error: unknown) => {
          failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        });
      };
      const timer = setTimeout(() => sweeping.abort(new Error("the clean-up took too long")), sweepMs);
      ends = sweeping.signal;
      for (const { what, undo } of undos.toReversed()) await attempt(what, undo);
      await Promise.all(pods.map((pod) => attempt(`remove pod ${pod.name}`, () => pod.sweep())));
      clearTimeout(timer);
      if (failures.length === 0) return;
      transcript.add("clean up");
      for (const line of swept.lines()) transcript.add(line);
      throw new Error(`clean up: ${failures.join("; ")}`);
    },
  };
}

const sweepMs = 30_000;
