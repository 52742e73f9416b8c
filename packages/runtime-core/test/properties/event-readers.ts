import { type ContainerEventResponse, ContainerEventType } from "@keelson/cri-api/v1";
import type { Life } from "./machine.ts";
import type { Moves } from "./moves.ts";
import { rankOf, short, stateOfContainer, stateOfSandbox } from "./shown.ts";
import { Violation } from "./violation.ts";
import type { Watcher } from "./watcher.ts";

const names: Readonly<Record<number, string>> = {
  [ContainerEventType.CONTAINER_CREATED_EVENT]: "created",
  [ContainerEventType.CONTAINER_STARTED_EVENT]: "started",
  [ContainerEventType.CONTAINER_STOPPED_EVENT]: "stopped",
  [ContainerEventType.CONTAINER_DELETED_EVENT]: "deleted",
};
const order = ["created", "started", "stopped", "deleted"];

interface Reader {
  readonly life: Life;
  /** It has subscribed at the start, and hears of all. */
  readonly whole: boolean;
  readonly controller: AbortController;
  readonly told: string[];
}

/** Callers of GetContainerEvents. One subscribes with each life; others come and go, and some do not read. */
export class EventReaders {
  readonly #watcher: Watcher;
  readonly #moves: Moves;
  readonly #onViolation: (violation: Violation) => void;
  #whole: Reader | undefined;
  #others: Reader[] = [];
  /** What has been told since power was last lost, by all lives. */
  #ever = new Set<string>();

  constructor(watcher: Watcher, moves: Moves, onViolation: (violation: Violation) => void) {
    this.#watcher = watcher;
    this.#moves = moves;
    this.#onViolation = onViolation;
  }

  /** A life serves. */
  begin(life: Life): void {
    this.#others = [];
    this.#whole = this.#open(life, true, true);
  }

  powerLost(): void {
    this.#ever = new Set();
  }

  /** Somebody comes in the middle; `reads` is false for who takes one event and no more. */
  join(life: Life, reads: boolean): void {
    this.#others.push(this.#open(life, false, reads));
  }

  leave(): void {
    this.#others.pop()?.controller.abort();
  }

  /** In a quiet moment: all that is due has been told, and nothing else. */
  check(): void {
    const whole = this.#whole;
    if (whole === undefined) return;
    const told = new Set(whole.told);
    const { due, excused } = this.#watcher;
    const isExcused = (one: string): boolean => excused.has(one.split(" ")[1] ?? "");
    for (const one of due) {
      if (!told.has(one) && !isExcused(one)) throw new Violation("events tell it all", `"${one}" was not told`);
    }
    for (const one of told) {
      if (!due.has(one) && !isExcused(one))
        throw new Violation("events tell it all", `"${one}" was told, and nobody saw it`);
    }
    for (const { told: some } of this.#others) {
      const at = whole.told.indexOf(some[0] ?? "");
      const same = whole.told.slice(at, at + some.length);
      if (some.some((one, index) => one !== same[index])) {
        throw new Violation("events tell it all", "a later subscriber was told something else");
      }
    }
  }

  #open(life: Life, whole: boolean, reads: boolean): Reader {
    const reader: Reader = { life, whole, controller: new AbortController(), told: [] };
    const { signal } = reader.controller;
    life.over.signal.addEventListener("abort", () => reader.controller.abort(), { once: true });
    const read = async (): Promise<void> => {
      let last = 0n;
      for await (const event of life.runtime.getContainerEvents({}, { signal })) {
        this.#told(reader, event, last);
        last = event.createdAt;
        if (reads) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => resolve(), { once: true });
        await promise;
      }
    };
    read().catch((error: unknown) => {
      if (error instanceof Violation) this.#onViolation(error);
      else if (!signal.aborted && life.core.phase === "serving") {
        this.#onViolation(new Violation("events tell it all", `a subscription ended: ${String(error)}`));
      }
    });
    return reader;
  }

  #told(reader: Reader, event: ContainerEventResponse, last: bigint): void {
    const { containerId: id, containerEventType, createdAt } = event;
    const type = names[containerEventType] ?? "unknown";
    const one = `${type} ${id}`;
    const illegal = (why: string) => new Violation("events tell it all", `${one}: ${why}`);
    if (createdAt < last) throw illegal("it is older than the one before");
    if (reader.told.includes(one)) throw illegal("it is told twice");
    const before = reader.told.findLast((told) => told.endsWith(id))?.split(" ")[0];
    if (before !== undefined && order.indexOf(before) >= order.indexOf(type))
      throw illegal(`it is told after "${before}"`);
    if (reader.whole) {
      if (this.#ever.has(one) && !this.#watcher.unfinished.has(id)) throw illegal("an earlier life has told it");
      this.#ever.add(one);
      this.#moves.count(
        `event ${type} of a ${event.podSandboxStatus?.id === id || this.#isSandbox(id) ? "sandbox" : "container"}`,
      );
    }
    reader.told.push(one);
    this.#checkStatuses(event, type, illegal);
  }

  #isSandbox(id: string): boolean {
    return this.#watcher.known.get(id)?.kind === "sandbox";
  }

  /** The statuses that come with it are not older than what is told. */
  #checkStatuses(event: ContainerEventResponse, type: string, illegal: (why: string) => Violation): void {
    const { containerId: id, podSandboxStatus, containersStatuses } = event;
    const ofContainer = containersStatuses.find((status) => status.id === id);
    const state =
      podSandboxStatus?.id === id
        ? stateOfSandbox(podSandboxStatus.state)
        : ofContainer === undefined
          ? undefined
          : stateOfContainer(ofContainer.state);
    if (type === "deleted") {
      if (state !== undefined) throw illegal(`its statuses have ${short(id)}`);
      return;
    }
    if (state === undefined) throw illegal(`its statuses have no ${short(id)}`);
    const least =
      type === "stopped"
        ? podSandboxStatus?.id === id
          ? 2
          : 3
        : type === "started" && ofContainer !== undefined
          ? 2
          : 1;
    if (rankOf({ state }) < least) throw illegal(`it comes with the state ${state}`);
  }
}
