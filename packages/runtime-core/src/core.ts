import { alreadyExists, unavailable } from "@keelson/cri-api/errors";
import { KeyedLock } from "@keelson/lifecycle";
import { EventBus, type EventBusOptions } from "./events/event-bus.ts";
import { Teller } from "./events/teller.ts";
import { Joins } from "./joins/joins.ts";
import { Pulls } from "./joins/pulls.ts";
import { SharedWorks } from "./joins/shared-works.ts";
import type { Log } from "./log.ts";
import { ContainerStops } from "./operations/container-stops.ts";
import { revertContainer } from "./operations/create-container.ts";
import { revertSandbox } from "./operations/create-sandbox.ts";
import { observe } from "./operations/observe.ts";
import { recover } from "./operations/recover.ts";
import {
  type Clock,
  type ContainerRecord,
  type Engine,
  type Meter,
  type SandboxRecord,
  type StateStore,
  silentMeter,
} from "./ports/index.ts";
import { newObjectId } from "./state/object-id.ts";
import { containerCodec, sandboxCodec } from "./state/record-codec.ts";
import { Records } from "./state/records.ts";
import { containerIdentity, containerStateName, sandboxIdentity, sandboxStateName } from "./state/states.ts";
import { CpuRates } from "./stats/cpu-rates.ts";
import { observeCore } from "./telemetry/observe-core.ts";
import { type OperationName, Operations } from "./telemetry/operations.ts";
import type { Tracer } from "./telemetry/tracer.ts";

export interface CoreOptions {
  readonly engine: Engine;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Log;
  /** What Version answers as `runtime_version`. */
  readonly runtimeVersion: string;
  /** Where the core counts. Default: nowhere. */
  readonly meter?: Meter;
  /** Who makes spans of calls. Default: nobody. */
  readonly tracer?: Tracer;
  /** How new objects are named; for tests. */
  readonly newId?: () => string;
  /** The limits of GetContainerEvents; for tests. */
  readonly events?: Omit<EventBusOptions, "clock" | "log">;
}

/**
 * What a CRI runtime must do, over an engine.
 *
 * Life: `createCore`, `start` once, then calls through `registerCri`; `close` at the end, which harms no container.
 */
export interface Core {
  readonly engine: Engine;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly tracer: Tracer | undefined;
  readonly runtimeVersion: string;
  readonly sandboxes: Records<SandboxRecord>;
  readonly containers: Records<ContainerRecord>;
  readonly sandboxJoins: Joins;
  readonly containerJoins: Joins;
  readonly pulls: Pulls;
  /** Starts, stops and removals that run now. */
  readonly works: SharedWorks;
  readonly stops: ContainerStops;
  /** The start, the changes and the removal of one container, by its ID: one after the other. */
  readonly containerLock: { run<T>(id: string, task: () => Promise<T>): Promise<T> };
  /** CPU samples of what was measured. */
  readonly cpuRates: CpuRates;
  /** What GetContainerEvents hands out. */
  readonly events: EventBus;
  /** Looks at every change, for `events`. */
  readonly teller: Teller;
  /** "serving" from the end of `start` to the beginning of `close`; calls before and after it are UNAVAILABLE. */
  readonly phase: "new" | "starting" | "serving" | "closed";
  /**
   * Loads the records, lets the engine compare them with what is there, and applies what it found.
   * @throws FAILED_PRECONDITION when a newer version of the runtime wrote the records
   */
  start(): Promise<void>;
  /** Takes no more calls, waits up to 10 s for the end of what is being done, closes engine and store. Idempotent. */
  close(): Promise<void>;
}

/** How long `close` waits for what is being done. */
const closeWaitMs = 10_000;

/** Puts a core together. Nothing runs before `start`. */
export function createCore(options: CoreOptions): Core {
  const { engine, store, clock, log, runtimeVersion, newId = newObjectId, meter = silentMeter, tracer } = options;
  const sandboxes = new Records({
    kind: "sandbox",
    store,
    codec: sandboxCodec,
    identity: sandboxIdentity,
    onChange: (id) => core.teller.sandboxChanged(id),
  });
  const containers = new Records({
    kind: "container",
    store,
    codec: containerCodec,
    identity: containerIdentity,
    onChange: (id) => core.teller.containerChanged(id),
  });
  const operations = new Operations(meter);
  const of = (name: OperationName) => ({
    begin: () => operations.begin(name),
    joined: () => operations.joined(name),
  });
  const sandboxJoins = new Joins({
    operations: of("RunPodSandbox"),
    kind: "sandbox",
    clock,
    log,
    newId,
    taken(identity) {
      const record = sandboxes.byIdentity(identity);
      return record && taken("run pod sandbox", "sandbox", record.id, sandboxStateName(record));
    },
    revert: (id) => revertSandbox(core, id),
    onShow: (id) => core.teller.sandboxChanged(id),
  });
  const containerJoins = new Joins({
    operations: of("CreateContainer"),
    kind: "container",
    clock,
    log,
    newId,
    taken(identity) {
      const record = containers.byIdentity(identity);
      return record && taken("create container", "container", record.id, containerStateName(record));
    },
    revert: (id) => revertContainer(core, id),
    onShow: (id) => core.teller.containerChanged(id),
  });
  const works = new SharedWorks(log, operations);
  const stops = new ContainerStops({ engine: engine.containers, clock, containers, operations: of("StopContainer") });
  const pulls = new Pulls({
    clock,
    log,
    operations: of("PullImage"),
    pull: (request, task) => engine.images.pull(request, task),
  });
  const events = new EventBus({ clock, log, ...options.events });
  let phase: Core["phase"] = "new";
  let closing: Promise<void> | undefined;

  const shutDown = async (): Promise<void> => {
    phase = "closed";
    const reason = unavailable("the runtime is stopping", { hint: "call again when it runs" });
    stops.close(reason);
    events.close(reason);
    const ended = Promise.all([sandboxJoins, containerJoins, works, pulls].map((each) => each.close(reason)));
    await withinDeadline(
      ended.then(() => {}),
      clock,
      () => log.warn("what was being done has not ended in time"),
    );
    await engine.close();
    await store.close();
  };

  const core: Core = {
    engine,
    store,
    clock,
    log,
    meter,
    tracer,
    runtimeVersion,
    sandboxes,
    containers,
    sandboxJoins,
    containerJoins,
    pulls,
    works,
    stops,
    containerLock: new KeyedLock(),
    cpuRates: new CpuRates(),
    events,
    get teller() {
      return teller;
    },
    get phase() {
      return phase;
    },
    async start() {
      if (phase !== "new") throw new Error(`start core: it is ${phase}`);
      phase = "starting";
      await recover(core, observe(core));
      events.open();
      phase = "serving";
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
  const teller = new Teller(core);
  observeCore(core);
  return core;
}

/** An engine that hangs does not keep the runtime from its end: the next start finds what was left in the records. */
async function withinDeadline(work: Promise<void>, clock: Clock, onLate: () => void): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = clock.after(closeWaitMs, () => {
    onLate();
    late.resolve();
  });
  await Promise.race([work, late.promise]);
  timer.cancel();
}

function taken(call: string, kind: string, id: string, state: string): Error {
  return alreadyExists(`${call}: ${kind} ${id} has this identity, its state is ${state}`, {
    hint: "use it, or remove it first",
  });
}
