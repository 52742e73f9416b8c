import { deadlineExceeded } from "@keelson/cri-api/errors";
import { startWork, type Work, type WorkTask } from "../joins/work.ts";
import type { Clock, ContainerEngine, ContainerRecord, Timer } from "../ports/index.ts";
import type { Records } from "../state/records.ts";
import { isRunning } from "../state/states.ts";
import type { OperationWatch } from "../telemetry/operations.ts";

export interface ContainerStopsOptions {
  readonly engine: Pick<ContainerEngine, "signal">;
  readonly clock: Clock;
  readonly containers: Records<ContainerRecord>;
  /** Hears of each stop, and of each request that shares one. */
  readonly operations?: { begin(): OperationWatch; joined(): void };
  /** How long an end may take after SIGKILL. Default 30 seconds. */
  readonly killWaitMs?: number;
}

interface Stop {
  readonly work: Work<void>;
  readonly kill: PromiseWithResolvers<"kill">;
  /** Rejected when the runtime ends before the container does. */
  readonly closed: PromiseWithResolvers<never>;
  /** For readers: a wall clock that is set must not move the end. */
  killAtNs: bigint;
  /** The shortest grace that was asked for. */
  graceMs: number;
  /** One for each request that has shortened the grace: the first that fires ends it. */
  readonly timers: Timer[];
}

/**
 * Ends running containers: the stop signal, the grace, SIGKILL. One stop for each container; a later request shares it
 * and can only shorten the grace. Nothing is locked while a container takes its time.
 */
export class ContainerStops {
  readonly #options: ContainerStopsOptions;
  readonly #stops = new Map<string, Stop>();
  #closed: Error | undefined;

  constructor(options: ContainerStopsOptions) {
    this.#options = options;
  }

  /**
   * @param graceMs 0 kills at once
   * @returns the work that ends when the container's end is recorded; it throws DEADLINE_EXCEEDED when the container
   *   outlives SIGKILL, and the reason of `close`
   */
  stop(id: string, graceMs: number): Work<void> {
    if (this.#closed !== undefined) throw this.#closed;
    const running = this.#stops.get(id);
    if (running === undefined) return this.#begin(id, graceMs).work;
    this.#options.operations?.joined();
    this.#shorten(running, graceMs);
    return running.work;
  }

  /** Forgets every grace and tells all who wait this reason: after a restart they ask again. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const stop of this.#stops.values()) {
      cancelAll(stop);
      stop.closed.reject(reason);
    }
  }

  #begin(id: string, graceMs: number): Stop {
    const kill = Promise.withResolvers<"kill">();
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    const start = { what: "beginning to stop", of: `container ${id}`, watch: this.#options.operations?.begin() };
    const work = startWork(start, async (task) => {
      try {
        await Promise.race([this.#run(id, graceMs, kill.promise, task), closed.promise]);
      } finally {
        cancelAll(stop);
        this.#stops.delete(id);
      }
    });
    const killAtNs = this.#options.clock.now() + nanoseconds(graceMs);
    const stop: Stop = { work, kill, closed, killAtNs, graceMs, timers: [] };
    this.#stops.set(id, stop);
    this.#killAfter(stop, graceMs);
    return stop;
  }

  #killAfter({ kill, timers }: Stop, graceMs: number): void {
    if (graceMs <= 0) kill.resolve("kill");
    timers.push(this.#options.clock.after(graceMs, () => kill.resolve("kill")));
  }

  #shorten(stop: Stop, graceMs: number): void {
    // a grace that is no shorter than an earlier one can't end before it
    if (graceMs >= stop.graceMs) return;
    stop.graceMs = graceMs;
    const killAtNs = this.#options.clock.now() + nanoseconds(graceMs);
    if (killAtNs < stop.killAtNs) stop.killAtNs = killAtNs;
    this.#killAfter(stop, graceMs);
  }

  /** A later request may have shortened the grace. */
  #about(id: string): string {
    const killAtNs = this.#stops.get(id)?.killAtNs ?? 0n;
    const leftMs = Number((killAtNs - this.#options.clock.now()) / 1_000_000n);
    return `of container ${id} (SIGKILL in ${Math.max(0, Math.ceil(leftMs / 1000))} s)`;
  }

  async #run(id: string, graceMs: number, kill: Promise<"kill">, task: Pick<WorkTask, "stage">): Promise<void> {
    const { engine, clock, containers, killWaitMs = 30_000 } = this.#options;
    const ended = containers.until(id, (record) => !isRunning(record)).then(() => "ended" as const);
    const signal = async (which: "stop" | "kill"): Promise<void> => {
      const record = containers.get(id);
      if (record !== undefined && isRunning(record)) await engine.signal(record, which);
    };
    if (graceMs > 0) {
      task.stage("waiting for the end after its stop signal", () => this.#about(id));
      // a signal that hangs must not keep SIGKILL from its time
      const sent = signal("stop").then(() => ended);
      if ((await Promise.race([ended, kill, sent])) === "ended") return;
    }
    task.stage("waiting for the end after SIGKILL", `of container ${id}`);
    const late = Promise.withResolvers<"late">();
    const timer = clock.after(killWaitMs, () => late.resolve("late"));
    try {
      const killed = signal("kill").then(() => ended);
      if ((await Promise.race([ended, late.promise, killed])) === "ended") return;
    } finally {
      timer.cancel();
    }
    throw deadlineExceeded(`stop container ${id}: it has not ended ${killWaitMs / 1000} s after SIGKILL`, {
      hint: "a process of it hangs in the kernel, often on a file system that does not answer",
    });
  }
}

const nanoseconds = (ms: number): bigint => BigInt(Math.ceil(ms)) * 1_000_000n;

function cancelAll({ timers }: Stop): void {
  for (const timer of timers) timer.cancel();
}
