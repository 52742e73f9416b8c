import { setTimeout as delay } from "node:timers/promises";
import type { ContainerExit, EngineObserver } from "@keelson/runtime-core/ports";
import { endCgroup, killCgroup } from "../oci/container-cgroup.ts";
import type { ExitFile } from "../oci/exit-file.ts";
import { ExitWatcher, type RunningMonitor } from "../oci/exit-watcher.ts";
import { openProcess, type ProcessHandle } from "../sys/pidfd.ts";
import type { ContainerDeps } from "./container-tools.ts";
import { dropRuntimeNotes } from "./end-run.ts";
import { exitReport } from "./exit-report.ts";
import { lastLogTimeNs } from "./last-log-time.ts";
import type { RunMonitorFacts, RunMonitorPlan } from "./steps/run-monitor.ts";
import { wasOomKilled } from "./was-oom-killed.ts";

/** A container that was started and whose end has not been told. */
export interface RunningContainer {
  readonly plan: RunMonitorPlan;
  readonly facts: RunMonitorFacts;
  /** Its first process; undefined when it has ended already. */
  readonly init: ProcessHandle | undefined;
  readonly monitor: RunningMonitor;
}

const retryMs = 5_000;

/**
 * Watches running containers and tells the end of each once. An end is told when no process of the container is left: a
 * twin must never start beside a living one.
 */
export class RunningContainers {
  readonly #deps: ContainerDeps;
  readonly #watcher: ExitWatcher;
  readonly #running = new Map<string, RunningContainer>();
  /** Those that got SIGKILL from us. */
  readonly #killed = new Set<string>();
  /** Ends that are being told or cleaned up after, by container ID. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<undefined>();
  readonly #observed = Promise.withResolvers<EngineObserver>();

  constructor(deps: ContainerDeps) {
    this.#deps = deps;
    this.#watcher = new ExitWatcher({
      exitFolder: deps.paths.exits,
      onEnd: (id, file) => this.#end(id, file),
      onError: (error) => deps.log.error("could not look for the end of containers", { error }),
    });
  }

  /** From now on ends are told; those that came before are told now. */
  observe(observer: EngineObserver): void {
    this.#observed.resolve(observer);
  }

  /** Watches a container that was started or adopted. */
  add(plan: RunMonitorPlan, facts: RunMonitorFacts, monitor: RunningMonitor): void {
    const init = openProcess(facts.init.pid, facts.init.startTime);
    init?.unref();
    this.#running.set(plan.id, { plan, facts, init, monitor });
    this.#watcher.watch(plan.id, monitor);
  }

  get(id: string): RunningContainer | undefined {
    return this.#running.get(id);
  }

  /** Sends SIGKILL to all of a container. Nothing happens when it does not run. */
  kill(id: string): void {
    const container = this.#running.get(id);
    if (container === undefined) return;
    this.#killed.add(id);
    killCgroup(this.#deps.cgroupLayout(), container.facts.cgroup);
  }

  /** Watches it no more and waits for what its end still has to do. */
  async drop(id: string): Promise<void> {
    this.#watcher.unwatch(id);
    this.#forget(id);
    await this.#ending.get(id);
  }

  /** Stops watching; running containers are left alone. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#closed.resolve(undefined);
    this.#watcher.close();
    for (const id of [...this.#running.keys()]) this.#forget(id);
    await Promise.all(this.#ending.values());
  }

  #forget(id: string): void {
    const running = this.#running.get(id);
    running?.init?.close();
    running?.monitor.close?.();
    this.#running.delete(id);
    this.#killed.delete(id);
  }

  #end(id: string, file: ExitFile | undefined): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    const noticedAtNs = BigInt(Date.now()) * 1_000_000n;
    const done = this.#tell(running, file, noticedAtNs).finally(() => this.#ending.delete(id));
    this.#ending.set(id, done);
  }

  /** Ends what is left of it, tells its end and cleans up. Never rejects; after `close` the next life does the rest. */
  async #tell(running: RunningContainer, file: ExitFile | undefined, noticedAtNs: bigint): Promise<void> {
    const { plan, facts } = running;
    const { id } = plan;
    await this.#insist("processes of an ended container are left", id, () =>
      endCgroup(this.#deps.cgroupLayout(), facts.cgroup),
    );
    await this.#insist("the end of a container could not be told", id, async () => {
      const exit: ContainerExit = exitReport({
        file,
        lastLogNs: await lastLogTimeNs(plan.logPath),
        oomKilled: await wasOomKilled({ plan, facts, file, killedByUs: this.#killed.has(id) }, this.#deps),
        startedAtNs: BigInt(facts.startedAtNs),
        noticedAtNs,
        why: "the monitor of the container ended before it; its processes were killed",
      });
      const observer = await Promise.race([this.#observed.promise, this.#closed.promise]);
      await observer?.containerExited(id, exit);
    });
    if (this.#closing.signal.aborted) return;
    this.#forget(id);
    await dropRuntimeNotes(plan, this.#deps.log);
  }

  /** Tries until it works or the engine closes. */
  async #insist(problem: string, id: string, attempt: () => Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await attempt();
        return;
      } catch (error) {
        this.#deps.log.error(`${problem}; trying again`, { id, error });
        await delay(retryMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
      }
    }
  }
}
