import { unavailable } from "@keelson/cri-api/errors";
import type { ContainerExit } from "../ports/index.ts";
import { type ProcessOptions, SimulatedProcess } from "./process.ts";
import type { StoredImage } from "./stored-image.ts";

/** What a machine holds for an object, by kind; each is made by one step and given back by its revert. */
export type Held = "files" | "cgroup" | "namespaces" | "shm" | "address" | "image" | "rootfs" | "bundle";

/** What happens on the machine by itself: a process has ended, a sandbox is no longer whole. */
export type WorldEvent =
  | { readonly kind: "exited"; readonly id: string; readonly exit: ContainerExit }
  | { readonly kind: "lost"; readonly id: string; readonly why: string };

type Listener = (event: WorldEvent) => void;

/**
 * The simulated machine: what is there whether or not an engine runs, as kernel and disk are. Give the same world to
 * the next engine to see what a restart of the runtime finds.
 *
 * Only the newest engine can touch it: an older one is a process that was killed, and everything that it still tries
 * fails without an effect.
 */
export interface SimulatedWorld {
  /** Everything that is held, as `kind owner`, sorted; empty when nothing was left behind. Images are not in it. */
  leftovers(): readonly string[];
  /** The containers whose processes run, sorted. */
  running(): readonly string[];
  /**
   * The machine restarts: processes and namespaces are gone, and nobody noted an end. What is on disk stays. Any engine
   * of before is over.
   */
  reboot(): void;
  /** A sandbox loses its namespaces, as when somebody unmounts them. */
  breakSandbox(id: string, why: string): void;
  /** An engine begins its life; called by `createSimulatedEngine`. */
  enter(): Life;
}

/** Nanoseconds. */
export interface Spent {
  readonly cpuNs: bigint;
  readonly stalledNs: bigint;
}

/** One engine's hold on the world. */
export interface Life {
  /** From now on everything that happens is told to `listener` alone. Before this nothing can be made. */
  listen(listener: Listener): void;
  /** Ends the telling; what runs runs on. */
  leave(): void;
  hold(kind: Held, owner: string, value: string): void;
  /** Succeeds when it is not held. */
  release(kind: Held, owner: string): void;
  held(kind: Held, owner: string): string | undefined;
  /** The owners of anything that is held, and of processes. */
  owners(): ReadonlySet<string>;
  /** The first of 10.88.0.2, .3, … that nobody has. */
  freeAddress(): string;
  start(options: Omit<ProcessOptions, "onExit">): SimulatedProcess;
  process(id: string): SimulatedProcess | undefined;
  /** Those of a sandbox, also what has ended and is not forgotten. */
  processesOf(pod: string): readonly SimulatedProcess[];
  /** What a sandbox's processes have spent so far, those that are forgotten too. */
  spentBy(pod: string): Spent;
  /** Kills it, if it still runs, and forgets its end. */
  forget(id: string): void;
  /** Gives back all that an owner holds, its process too. */
  clear(owner: string): void;
  readonly images: Map<string, StoredImage>;
}

export function createSimulatedWorld(): SimulatedWorld {
  const held = new Map<Held, Map<string, string>>();
  const processes = new Map<string, SimulatedProcess>();
  const images = new Map<string, StoredImage>();
  /** By processes that are forgotten, by sandbox. */
  const spent = new Map<string, Spent>();
  let listener: Listener | undefined;
  let newest = 0;

  const ofKind = (kind: Held): Map<string, string> => {
    const found = held.get(kind) ?? new Map<string, string>();
    held.set(kind, found);
    return found;
  };

  const end = (id: string): void => {
    const process = processes.get(id);
    processes.delete(id);
    if (process !== undefined) spent.set(process.pod, withSpentOf(spent.get(process.pod) ?? nothing, process));
    if (process?.exit === undefined) process?.vanish();
  };

  return {
    leftovers() {
      const all = [...held].flatMap(([kind, owners]) => [...owners.keys()].map((owner) => `${kind} ${owner}`));
      for (const id of processes.keys()) all.push(`process ${id}`);
      return all.sort();
    },
    running: () => [...processes].flatMap(([id, process]) => (process.exit === undefined ? [id] : [])).sort(),
    reboot() {
      newest++;
      listener = undefined;
      for (const process of processes.values()) process.vanish();
      processes.clear();
      spent.clear();
      // mounts and cgroups live in the kernel; address leases, writable layers and files are on disk
      for (const kind of ["namespaces", "shm", "cgroup"] as const) held.delete(kind);
    },
    breakSandbox(id, why) {
      ofKind("namespaces").delete(id);
      listener?.({ kind: "lost", id, why });
    },
    enter() {
      const life = ++newest;
      listener = undefined;
      const assertAlive = (): void => {
        if (life !== newest) throw unavailable("touch the simulated machine: this engine's life is over");
      };
      const assertListening = (): void => {
        assertAlive();
        if (listener === undefined)
          throw new Error("the simulated engine is used before its reconcile or after its close");
      };
      return {
        images,
        listen(one) {
          assertAlive();
          listener = one;
        },
        leave() {
          if (life === newest) listener = undefined;
        },
        hold(kind, owner, value) {
          assertListening();
          ofKind(kind).set(owner, value);
        },
        release(kind, owner) {
          assertAlive();
          ofKind(kind).delete(owner);
          if (kind === "files") spent.delete(owner); // the last of a sandbox
        },
        held: (kind, owner) => ofKind(kind).get(owner),
        owners: () => new Set([...[...held.values()].flatMap((owners) => [...owners.keys()]), ...processes.keys()]),
        freeAddress() {
          const taken = new Set(ofKind("address").values());
          for (let last = 2; last < 65_534; last++) {
            const address = `10.88.${last >> 8}.${last & 255}`;
            if (!taken.has(address)) return address;
          }
          throw unavailable("lease an address: 10.88.0.0/16 has no free one");
        },
        start(options) {
          assertListening();
          const process = new SimulatedProcess({
            ...options,
            onExit: (exit) => listener?.({ kind: "exited", id: options.id, exit }),
          });
          processes.set(options.id, process);
          return process;
        },
        process: (id) => processes.get(id),
        processesOf: (pod) => [...processes.values()].filter((process) => process.pod === pod),
        spentBy(pod) {
          const running = [...processes.values()].filter((process) => process.pod === pod);
          return running.reduce(withSpentOf, spent.get(pod) ?? nothing);
        },
        forget(id) {
          assertAlive();
          end(id);
        },
        clear(owner) {
          assertAlive();
          end(owner);
          for (const owners of held.values()) owners.delete(owner);
          spent.delete(owner);
        },
      };
    },
  };
}

const nothing: Spent = { cpuNs: 0n, stalledNs: 0n };

function withSpentOf({ cpuNs, stalledNs }: Spent, process: SimulatedProcess): Spent {
  const usage = process.usage();
  return { cpuNs: cpuNs + usage.cpuNs, stalledNs: stalledNs + usage.stalled.totalNs };
}
