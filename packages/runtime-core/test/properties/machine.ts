import { type Client, createClient, createRouterTransport } from "@connectrpc/connect";
import { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import { type Core, createCore } from "../../src/core.ts";
import type { Log, LogFields } from "../../src/log.ts";
import type { Engine, StateStore } from "../../src/ports/index.ts";
import { registerCri } from "../../src/router.ts";
import {
  createMemoryLogs,
  createMemoryStore,
  createSimulatedEngine,
  createSimulatedWorld,
  type MemoryLogs,
  type MemoryStore,
  type SimulatedWorld,
} from "../../src/sim/index.ts";
import { type Random, randomId } from "./random.ts";
import type { RandomFaults } from "./random-faults.ts";
import type { LifeClock, Turns } from "./turns.ts";

/** One life of the core, from its start to its end or its being killed. */
export interface Life {
  readonly number: number;
  readonly core: Core;
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
  readonly clock: LifeClock;
  /** Fires when there is nobody any more who could answer. */
  readonly over: AbortController;
}

/** How a life ends: killed; the power goes; it is told to stop; it is told to, and the machine is booted again. */
export type LifeEnd = "kill" | "power" | "stop" | "reboot";

export interface MachineOptions {
  readonly random: Random;
  readonly turns: Turns;
  readonly faults: RandomFaults;
  readonly onLog: (message: string, fields: LogFields) => void;
  /** What the core gets in place of the engine. */
  readonly watch: (engine: Engine, life: () => Life) => Engine;
}

/** A machine on which one core lives after the other. */
export class Machine {
  readonly world: SimulatedWorld = createSimulatedWorld();
  readonly logs: MemoryLogs = createMemoryLogs();
  readonly #options: MachineOptions;
  #store: MemoryStore;
  #life: Life;
  #lives = 0;
  #failed = 0;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#store = createMemoryStore({ faults: options.faults });
    this.#life = this.#open();
  }

  get life(): Life {
    return this.#life;
  }

  /** The number of the life whose start has failed last. */
  get failed(): number {
    return this.#failed;
  }

  get store(): MemoryStore {
    return this.#store;
  }

  /** What a stop does before the process goes: nobody new is served. */
  close(): Promise<void> {
    return this.#life.core.close();
  }

  /** The process is gone, whatever it was doing, and the next one begins; `between` happens while there is none. */
  next(end: LifeEnd, between: () => void = () => {}): void {
    const { clock, over } = this.#life;
    clock.end();
    this.#store = end === "power" ? this.#store.losePower() : this.#store.crash();
    if (end === "power" || end === "reboot") this.#bootAgain();
    between();
    this.#life = this.#open();
    over.abort(new Error("the runtime is gone"));
  }

  #bootAgain(): void {
    const { random, turns } = this.#options;
    this.world.reboot();
    // a machine's clock may be behind until it has asked for the time
    turns.shift(random.pick([0, 0, -60_000, -3_600_000, 60_000]));
  }

  #open(): Life {
    const { random, turns, faults, onLog, watch } = this.#options;
    const write = (message: string, fields: LogFields = {}): void => onLog(message, fields);
    const log: Log = { debug: write, info: write, warn: write, error: write };
    const clock = turns.lifeClock();
    const simulated = createSimulatedEngine({
      clock: turns.clock,
      world: this.world,
      faults,
      logs: this.logs,
      onError: (error) => write("the engine had nobody to tell", { error }),
    });
    const store = this.#store;
    // a process that stops keeps what it has written
    const kept: StateStore = { ...store, close: async () => {} };
    const core = createCore({
      engine: watch(simulated, () => life),
      store: kept,
      clock,
      log,
      runtimeVersion: "1.2.3",
      newId: () => randomId(random),
    });
    const transport = createRouterTransport((router) => registerCri(router, core, { versions: ["v1"] }));
    const number = ++this.#lives;
    core.start().catch((error: unknown) => {
      write("the core did not start", { error });
      this.#failed = number;
    });
    const life: Life = {
      number,
      core,
      runtime: createClient(RuntimeService, transport),
      images: createClient(ImageService, transport),
      clock,
      over: new AbortController(),
    };
    return life;
  }
}
