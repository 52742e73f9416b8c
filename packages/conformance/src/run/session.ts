import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { ExpectationError } from "../assert/expect.ts";
import type { Case } from "../case.ts";
import type { Intercept } from "../stage/calls.ts";
import { openStage, type StageOptions } from "../stage/stage.ts";
import { Transcript, writeError } from "../stage/transcript.ts";
import type { Target } from "../target.ts";
import { Locks } from "./locks.ts";
import { missingCapabilities } from "./missing-capabilities.ts";
import { isOwn } from "./verdict.ts";

/** How a case ended at one target. */
export interface Outcome {
  readonly result: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped; "" when it passed. */
  readonly reason: string;
  /** `expectation`: the runtime did something else than the case wants; `time`: the case ran out of it; `error`: a call failed on the way. */
  readonly by?: "expectation" | "time" | "error";
  /** What was asked and answered, of a case that failed. */
  readonly transcript: readonly string[];
  readonly durationMs: number;
}

export interface RunOptions {
  readonly intercept?: Intercept;
  /** Instead of the case's own. */
  readonly timeoutMs?: number;
  /** How long a case waits for one thing at most. Default: as long as it likes. */
  readonly waitMs?: number;
}

/** A connection to a target, over which cases run. */
export interface Session extends AsyncDisposable {
  readonly connection: CriConnection;
  /** What the runtime says of itself; the simulated engine's is `keelson-fake`. */
  readonly runtime: { readonly name: string; readonly version: string };
  /** Runs a case as soon as those that are running let it. Never throws for what a runtime does. */
  run(one: Case, options?: RunOptions): Promise<Outcome>;
  close(): Promise<void>;
}

/** Connects, and pulls busybox. @throws what the connection or the pull fails with */
export async function openSession(target: Target): Promise<Session> {
  // what a runtime does with a field is its own matter here
  const connection = await connectCri({
    runtimeEndpoint: target.endpoint,
    onUnsupportedField: "send",
    waitForReady: true,
    backoff: { initialMs: 10, maxMs: 100 },
  });
  const own = target.logFolder === undefined ? await mkdtemp(join(tmpdir(), "keelson-conformance-")) : undefined;
  const logFolder = target.logFolder ?? own ?? "";
  const close = async (): Promise<void> => {
    connection.close();
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  };
  try {
    const { runtimeName, runtimeVersion } = await connection.runtime.version({});
    await connection.images.pullImage({ image: { image: target.images.busybox } });
    const locks = new Locks();
    const real = target.has.includes("inside");
    return {
      connection,
      runtime: { name: isOwn(runtimeName) && !real ? `${runtimeName}-fake` : runtimeName, version: runtimeVersion },
      async run(one, options = {}) {
        const missing = missingCapabilities(one, target.has);
        if (missing.length > 0) {
          return { result: "skipped", reason: `needs ${missing.join(" and ")}`, transcript: [], durationMs: 0 };
        }
        const leave = await locks.enter(one);
        try {
          return await play(one, { target, connection, logFolder, ...options });
        } finally {
          leave();
        }
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const defaultTimeoutMs = 30_000;

type PlayOptions = Omit<StageOptions, "signal" | "transcript"> & RunOptions;

async function play(one: Case, options: PlayOptions): Promise<Outcome> {
  const began = performance.now();
  const transcript = new Transcript();
  const ending = new AbortController();
  const { stage, close } = openStage({ ...options, transcript, signal: ending.signal });
  const timeoutMs = options.timeoutMs ?? one.timeoutMs ?? defaultTimeoutMs;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new TookTooLong(`it took longer than ${timeoutMs} ms`));
    ending.abort(new Error("the case took too long"));
  }, timeoutMs);
  const failures: unknown[] = [];
  await Promise.race([one.run(stage), late.promise]).catch((error: unknown) => failures.push(error));
  clearTimeout(timer);
  ending.abort(new Error("the case is over"));
  await close().catch((error: unknown) => failures.push(error));
  const durationMs = performance.now() - began;
  if (failures.length === 0) return { result: "passed", reason: "", transcript: [], durationMs };
  return {
    result: "failed",
    reason: failures.map((error) => (error instanceof ExpectationError ? error.message : writeError(error))).join("; "),
    by: byWhat(failures[0]),
    transcript: transcript.lines(),
    durationMs,
  };
}

class TookTooLong extends ExpectationError {}

function byWhat(failure: unknown): "expectation" | "time" | "error" {
  if (failure instanceof TookTooLong) return "time";
  return failure instanceof ExpectationError ? "expectation" : "error";
}
