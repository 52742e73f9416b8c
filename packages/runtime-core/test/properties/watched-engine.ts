import { isCriError } from "@keelson/cri-api/errors";
import { workKeys } from "../../src/operations/work-keys.ts";
import type { ContainerVerdict, Engine, SandboxVerdict } from "../../src/ports/index.ts";
import { LeftBehind } from "../../src/ports/step.ts";
import type { Life } from "./machine.ts";
import type { Moves } from "./moves.ts";
import { InjectedFault } from "./random-faults.ts";
import { short } from "./shown.ts";
import { Violation } from "./violation.ts";

/** What the engine was told to do, as far as the world can't tell it afterwards. */
export interface EngineNotes {
  /** The signals that a container was sent, in order, and by which operation. */
  readonly signals: Map<string, { readonly which: "stop" | "kill"; readonly by: string }[]>;
  /** The memory limit that holds for a container. */
  readonly limits: Map<string, bigint>;
  /** Containers whose limit could not be taken back either. */
  readonly spoilt: Set<string>;
}

export function newNotes(): EngineNotes {
  return { signals: new Map(), limits: new Map(), spoilt: new Set() };
}

export interface WatchOptions {
  readonly moves: Moves;
  readonly notes: EngineNotes;
  readonly life: () => Life;
  readonly onViolation: (violation: Violation) => void;
  readonly trace: (line: string) => void;
}

/** The engine, with somebody who looks over its shoulder. It does the same. */
export function watchEngine(engine: Engine, options: WatchOptions): Engine {
  const { moves, notes, life, onViolation, trace } = options;
  /** Why a create failed, by the step at which it did. */
  const failed = (kind: "sandbox" | "container", error: unknown): void => {
    if (error instanceof LeftBehind) moves.count(`create ${kind} failed and left something`);
    else if (error instanceof InjectedFault && error.point !== "store.flush") {
      moves.count(`create ${kind} reverted at ${error.point}`);
    } else if (isCriError(error, "UNAVAILABLE")) moves.count(`create ${kind} reverted: the runtime has stopped`);
    else if (isCriError(error, "FAILED_PRECONDITION"))
      moves.count(`create ${kind} reverted: its sandbox is being stopped`);
  };
  const one = <T>(what: string, running: Set<string>, key: string, run: () => Promise<T>): Promise<T> => {
    if (running.has(key)) onViolation(new Violation("one answer", `${what} of ${short(key)} runs twice at once`));
    running.add(key);
    return run().finally(() => running.delete(key));
  };
  const changing = new Set<string>();
  const giving = new Set<string>();

  return {
    ...engine,
    sandboxes: {
      ...engine.sandboxes,
      create: (record, journal, task) =>
        engine.sandboxes.create(record, journal, task).catch((error: unknown) => {
          failed("sandbox", error);
          throw error;
        }),
      stop: (record, ...rest) => one("stop", giving, record.id, () => engine.sandboxes.stop(record, ...rest)),
      remove: (record, ...rest) => one("remove", giving, record.id, () => engine.sandboxes.remove(record, ...rest)),
    },
    containers: {
      ...engine.containers,
      create: async (record, sandbox, journal, task) => {
        const facts = await engine.containers.create(record, sandbox, journal, task).catch((error: unknown) => {
          failed("container", error);
          throw error;
        });
        notes.limits.set(record.id, record.config.linux?.resources?.memoryLimitInBytes ?? 0n);
        return facts;
      },
      start: (record, ...rest) => one("change", changing, record.id, () => engine.containers.start(record, ...rest)),
      remove: (record, ...rest) => one("change", changing, record.id, () => engine.containers.remove(record, ...rest)),
      async signal(record, which) {
        const { works } = life().core;
        const runs = (key: string): boolean => works.running(key) !== undefined;
        const by = runs(workKeys.removeSandbox(record.sandboxId))
          ? "RemovePodSandbox"
          : runs(workKeys.stopSandbox(record.sandboxId))
            ? "StopPodSandbox"
            : runs(workKeys.removeContainer(record.id))
              ? "RemoveContainer"
              : runs(workKeys.startContainer(record.id))
                ? "a start that could not be recorded"
                : "StopContainer";
        trace(`signal ${which} for ${short(record.id)} by ${by}`);
        notes.signals.set(record.id, [...(notes.signals.get(record.id) ?? []), { which, by }]);
        await engine.containers.signal(record, which);
      },
      updateResources: (record) =>
        one("change", changing, record.id, async () => {
          const limit = record.config.linux?.resources?.memoryLimitInBytes ?? 0n;
          try {
            await engine.containers.updateResources?.(record);
            notes.limits.set(record.id, limit);
          } catch (error) {
            if (life().core.containers.get(record.id)?.config === record.config) notes.spoilt.add(record.id);
            throw error;
          }
        }),
    },
    async reconcile(found, observer) {
      for (const { record } of found.sandboxes) {
        if (record.facts === undefined && record.failed === undefined)
          moves.count("restart with an unfinished sandbox");
      }
      for (const { record } of found.containers) {
        if (record.facts === undefined && record.failed === undefined)
          moves.count("restart with an unfinished container");
      }
      const verdicts = await engine.reconcile(found, {
        containerExited: (id, exit) => observer.containerExited(id, exit),
        sandboxLost: (id, why) => observer.sandboxLost(id, why),
      });
      const tell = (kind: string, all: ReadonlyMap<string, SandboxVerdict | ContainerVerdict>): void => {
        for (const verdict of all.values()) moves.count(`restart finds a ${kind}: ${verdict.kind}`);
      };
      tell("sandbox", verdicts.sandboxes);
      tell("container", verdicts.containers);
      return verdicts;
    },
  };
}
