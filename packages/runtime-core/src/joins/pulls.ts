import { canceled, quote, unavailable } from "@keelson/cri-api/errors";
import { createRedactor, redactError, secretsOf } from "@keelson/cri-api/redact";
import { AuthConfigSchema } from "@keelson/cri-api/v1";
import type { Log } from "../log.ts";
import type { Clock, PullRequest, ResolvedImage, Task, Timer } from "../ports/index.ts";
import type { OperationWatch } from "../telemetry/operations.ts";
import { canonicalJson } from "./fingerprint.ts";
import { startWork, type Waiter, type Work, waitFor } from "./work.ts";

export interface PullsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly pull: (request: PullRequest, task: Task) => Promise<ResolvedImage>;
  /** Hears of each pull, and of each request that shares one. */
  readonly operations?: { begin(): OperationWatch; joined(): void };
  /** How long a pull goes on without anybody who waits for it. Default five seconds. */
  readonly lingerMs?: number;
}

interface SharedPull {
  readonly work: Work<ResolvedImage>;
  waiters: number;
  linger?: Timer;
}

/**
 * Pulls, shared by those who ask for the same image with the same credentials. The platform is the node's own, so it
 * tells no two pulls apart. A pull ends some seconds after its last waiter left, so that a caller that comes again at
 * once finds it running.
 */
export class Pulls {
  readonly #options: PullsOptions;
  readonly #running = new Map<string, SharedPull>();
  #closing = false;

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /** @throws what the engine throws; the reason of the waiter's signal */
  async run(request: PullRequest, waiter: Waiter): Promise<ResolvedImage> {
    const key = await pullKey(request);
    waiter.signal.throwIfAborted();
    const running = this.#running.get(key);
    if (running !== undefined) this.#options.operations?.joined();
    const shared = running ?? this.#begin(key, request);
    shared.linger?.cancel();
    shared.waiters++;
    try {
      return await waitFor(shared.work, waiter);
    } finally {
      shared.waiters--;
      if (shared.waiters === 0 && this.#running.get(key) === shared) this.#linger(key, shared);
    }
  }

  get size(): number {
    return this.#running.size;
  }

  async close(reason: Error): Promise<void> {
    this.#closing = true;
    const pulls = [...this.#running.values()];
    for (const pull of pulls) {
      pull.linger?.cancel();
      pull.work.abort(reason);
    }
    await Promise.allSettled(pulls.map((pull) => pull.work.promise));
  }

  #begin(key: string, request: PullRequest): SharedPull {
    if (this.#closing) throw unavailable("the runtime is stopping", { hint: "call again when it runs" });
    const { image } = request.image;
    const start = { what: "beginning to pull", of: quote(image), watch: this.#options.operations?.begin() };
    const work = startWork(start, async (task) => {
      try {
        return await this.#options.pull(request, task);
      } catch (error) {
        // should the credentials have come back in a registry's answer
        const secrets = request.auth === undefined ? [] : secretsOf(AuthConfigSchema, request.auth);
        throw redactError(error, createRedactor(secrets));
      }
    });
    const shared: SharedPull = { work, waiters: 0 };
    this.#running.set(key, shared);
    const ended = () => {
      shared.linger?.cancel();
      if (this.#running.get(key) === shared) this.#running.delete(key);
    };
    work.promise.then(ended, (error: unknown) => {
      ended();
      if (shared.waiters === 0) this.#options.log.info("pull ended after its callers had gone", { error });
    });
    return shared;
  }

  #linger(key: string, shared: SharedPull): void {
    shared.linger = this.#options.clock.after(this.#options.lingerMs ?? 5000, () => {
      // from now on a new caller begins anew instead of sharing the end of this one
      this.#running.delete(key);
      shared.work.abort(canceled("pull image: nobody waits for it any more"));
    });
  }
}

/** Nothing of the credentials can be read from it. */
async function pullKey(request: PullRequest): Promise<string> {
  const { image, annotations, runtimeHandler } = request.image;
  const words = new TextEncoder().encode(canonicalJson(request.auth ?? null));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", words));
  return canonicalJson([image, annotations, runtimeHandler, digest]);
}
