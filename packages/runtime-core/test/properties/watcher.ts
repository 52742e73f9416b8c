import type { Core } from "../../src/core.ts";
import { workKeys } from "../../src/operations/work-keys.ts";
import type { ContainerRecord, SandboxRecord } from "../../src/ports/index.ts";
import { containerIdentity, sandboxIdentity } from "../../src/state/states.ts";
import type { Life, LifeEnd, Machine } from "./machine.ts";
import type { Moves } from "./moves.ts";
import { scripts } from "./pods.ts";
import { rankOf, type Shown, short, shownBy } from "./shown.ts";
import { Violation } from "./violation.ts";
import type { EngineNotes } from "./watched-engine.ts";

/** What a caller was told has happened to an object, and by what it may be lost. */
export interface Known {
  readonly id: string;
  readonly kind: "sandbox" | "container";
  readonly sandboxId: string;
  /** The last that was shown of it; undefined when it is gone. */
  shown: Shown | undefined;
  /** What was answered with OK; that survives all. */
  told: { created?: Shown; latest?: Shown; gone?: true };
  /** Which calls somebody has made for it, whatever came of them. */
  readonly asked: Set<"start" | "stop" | "remove">;
  /** The power went before anybody was told of it. */
  uncertain: boolean;
  /** Steps of the run at which it was shown. */
  readonly since: number;
  until: number | undefined;
}

export interface WatcherOptions {
  readonly moves: Moves;
  readonly notes: EngineNotes;
  readonly trace: (line: string) => void;
  /** Whether something has hung in this run. */
  readonly hung: () => boolean;
  /** Whether something could not be recorded in this run. */
  readonly storeFailed: () => boolean;
  /** Whether somebody waits for this object to be created, or has just been told that it is. */
  readonly isAwaited: (wanted: string) => boolean;
}

const heldBy: Readonly<Record<string, string>> = {
  files: "write-files",
  cgroup: "make-cgroup",
  namespaces: "pin-namespaces",
  shm: "mount-shm",
  address: "attach-network",
  image: "hold-image",
  rootfs: "mount-rootfs",
  bundle: "write-bundle",
  process: "start-process",
};

/** Looks at all that is shown after each step of a run, and says what has happened, or that it must not. */
export class Watcher {
  readonly known = new Map<string, Known>();
  /** What somebody has asked to be created, by kind, name and configuration. */
  readonly wanted = new Set<string>();
  /** Finished creates whose callers had gone. */
  readonly hidden = new Set<string>();
  /** Sandboxes that the machine has broken. */
  readonly broken = new Set<string>();
  /** Objects that somebody has had removed without a stop before. */
  readonly removedRunning = new Set<string>();
  /** Containers whose grace a later call has shortened. */
  readonly shortened = new Set<string>();
  /** Events that must be told in this life, `type id`. */
  readonly due = new Set<string>();
  /** Objects whose failed create could not be recorded as such: the next life begins with them anew. */
  readonly unfinished = new Set<string>();
  /** Objects that may hold more than their records say: the power went, and what is recorded could not be reverted. */
  readonly partly = new Set<string>();
  /** Objects of which the last life may have told more than this one knows. */
  readonly excused = new Set<string>();
  readonly #options: WatcherOptions;
  /** Containers that had ended and still had a process when that was looked at. */
  readonly #ended = new Map<string, true>();
  #looked = false;
  #abandoned = false;
  #step = 0;
  #life = 0;
  /** How lives have ended since something was shown. */
  #ends = new Set<LifeEnd>();

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  get step(): number {
    return this.#step;
  }

  /** A life has ended so; what only this life knew is gone. */
  ended(end: LifeEnd): void {
    this.#ends.add(end);
    if (this.#looked) {
      this.due.clear();
      this.excused.clear();
      this.#abandoned = false;
    }
    // what a life found that never served, it told nobody, and the next one takes it for told
    else this.#abandoned = true;
    this.#looked = false;
    this.hidden.clear();
    if (end !== "power") return;
    for (const one of this.known.values()) {
      if (one.told.gone) continue;
      one.uncertain = one.told.created === undefined;
      one.shown = one.told.latest ?? one.told.created;
      this.excused.add(one.id);
    }
  }

  look(machine: Machine): void {
    this.#step++;
    const { life, world } = machine;
    const { phase } = life.core;
    const first = life.number !== this.#life;
    // a core that is closing ends what it has begun
    if (phase !== "serving" && (phase !== "closed" || first)) return;
    this.#life = life.number;
    if (!first) this.#ends.clear();
    this.#looked = true;
    const now = shownBy(life.core);
    for (const shown of now.values()) {
      const before = this.known.get(shown.id);
      if (before === undefined) this.#appeared(shown, life, first);
      else this.#changed(before, shown, life, first);
    }
    for (const one of this.known.values()) {
      if (one.shown !== undefined && !now.has(one.id)) this.#gone(one, life.core, first);
    }
    this.#checkRecords(life.core);
    this.#checkHeld(world.leftovers(), life.core);
    if (this.#step % 64 === 0) this.#checkProcesses(world.running());
  }

  get #booted(): boolean {
    return this.#ends.has("reboot") || this.#ends.has("power");
  }

  /** True when it was shown all the time since a step. */
  shownSince(id: string, step: number): boolean {
    const one = this.known.get(id);
    return one?.shown !== undefined && one.since <= step && !one.uncertain;
  }

  #appeared(shown: Shown, life: Life, first: boolean): void {
    const { id, kind, sandboxId, name, variant, state } = shown;
    const { moves, trace } = this.#options;
    trace(`shown: ${kind} ${short(id)} ${name} ${state} ${shown.reason}`);
    if (!this.wanted.has(wantedKey(kind, sandboxId, name, variant))) {
      throw new Violation(
        "no illegal move",
        `${kind} ${id} (${name}, ${variant}) is shown, and nobody has asked for it`,
      );
    }
    this.#checkTimes(shown);
    const how = first ? "restart" : this.hidden.delete(id) ? "hidden" : "made";
    const record = kind === "sandbox" ? life.core.sandboxes.get(id) : life.core.containers.get(id);
    if (how === "made" && kind === "container" && this.known.get(sandboxId)?.told.latest?.state === "NOTREADY") {
      throw new Violation("no illegal move", `container ${id} is created, and its sandbox was told to be stopped`);
    }
    // one whose reverting was cut off is shown, for a remove to finish it
    const isCutOff = first && record?.facts !== undefined;
    if (record?.failed !== undefined && !isCutOff && record.steps.length === 0 && !this.#options.storeFailed()) {
      throw new Violation(
        "no lost name",
        `${kind} ${id} (${name}) holds nothing and stands in the way of the next try`,
      );
    }
    const whole = record?.facts !== undefined && record.failed === undefined;
    // one that could not even be recorded as being reverted is shown as it is
    if (
      how !== "restart" &&
      whole &&
      !this.#options.storeFailed() &&
      !this.#options.isAwaited(wantedKey(kind, sandboxId, name, variant))
    ) {
      throw new Violation("no lost name", `${kind} ${id} (${name}, ${variant}) is shown, and no caller knows its ID`);
    }
    moves.count(`${kind} ${appearance(shown, record, how)}`);
    const since = this.#step;
    this.known.set(id, {
      ...{ id, kind, sandboxId, shown, since },
      ...{ told: {}, asked: new Set(), uncertain: false, until: undefined },
    });
    if (first) this.excused.add(id);
    if (shown.unfinished) this.unfinished.add(id);
    if (first && this.#ends.has("power") && record?.failed !== undefined) this.partly.add(id);
    this.due.add(`created ${id}`);
    if (kind === "sandbox" && record?.facts !== undefined) this.due.add(`started ${id}`);
    if (state === "NOTREADY" || state === "EXITED") this.due.add(`stopped ${id}`);
  }

  #changed(one: Known, shown: Shown, life: Life, first: boolean): void {
    const { id, kind, state } = shown;
    const before = one.shown;
    if (before === undefined) {
      if (one.told.gone || !one.uncertain) {
        throw new Violation("an acknowledged change survives", `${kind} ${id} is shown again (${state})`);
      }
      one.shown = shown;
      return;
    }
    if (first && this.#abandoned) this.excused.add(id);
    one.shown = shown;
    one.uncertain = false;
    this.#checkTimes(shown);
    if (before.state === state) {
      this.#checkSame(before, shown);
      return;
    }
    this.#options.trace(`shown: ${kind} ${short(id)} ${before.state} -> ${state} ${shown.reason} ${shown.exitCode}`);
    if (rankOf(shown) < rankOf(before)) {
      throw new Violation(
        first ? "an acknowledged change survives" : "no illegal move",
        `${kind} ${id} was ${before.state} and is ${state}`,
      );
    }
    if (before.createdAt !== shown.createdAt || (before.startedAt !== 0n && before.startedAt !== shown.startedAt)) {
      throw new Violation("no illegal move", `${kind} ${id} was created or started at another time than it was`);
    }
    const cause =
      kind === "sandbox" ? this.#sandboxCause(one, life, first) : this.#containerCause(one, before, shown, first);
    this.#options.moves.count(`${kind} ${before.state}→${state} ${cause}`);
    const ran = shown.startedAt !== 0n || (state === "EXITED" && !["StartError", "CreateError"].includes(shown.reason));
    if (kind === "container" && ran && before.startedAt === 0n) this.due.add(`started ${id}`);
    if (state === "NOTREADY" || state === "EXITED") this.due.add(`stopped ${id}`);
  }

  #gone(one: Known, core: Core, first: boolean): void {
    const { id, kind, sandboxId, shown } = one;
    this.#options.trace(`gone: ${kind} ${short(id)}`);
    const sandboxAsked = this.known.get(sandboxId)?.asked.has("remove") === true;
    const mayGo = one.uncertain || shown?.unfinished === true;
    if (!one.asked.has("remove") && !sandboxAsked && !(first && mayGo)) {
      throw new Violation(
        "an acknowledged change survives",
        `${kind} ${id} (${shown?.state}) is gone, and nobody has removed it`,
      );
    }
    const by =
      core.works.running(workKeys.removeSandbox(sandboxId)) !== undefined ? "RemovePodSandbox" : "RemoveContainer";
    if (!first && shown !== undefined) this.#countGone(one, shown, by);
    one.shown = undefined;
    one.until = this.#step;
    this.due.add(`deleted ${id}`);
    if (first && (this.#abandoned || shown?.unfinished)) this.excused.add(id);
  }

  #countGone({ id, kind, sandboxId, asked }: Known, shown: Shown, by: string): void {
    const { moves } = this.#options;
    moves.count(`${kind} ${shown.state}→gone by ${by}`);
    if (kind === "container" && this.removedRunning.has(id) && asked.has("remove"))
      moves.count("container removed while RUNNING");
    if (kind === "sandbox" && this.removedRunning.has(sandboxId)) moves.count("sandbox removed while READY");
  }

  #sandboxCause(one: Known, life: Life, first: boolean): string {
    const { works } = life.core;
    if (works.running(workKeys.removeSandbox(one.id)) !== undefined) return "by RemovePodSandbox";
    if (works.running(workKeys.stopSandbox(one.id)) !== undefined) return "by StopPodSandbox";
    if (first && this.#booted) return "by a reboot";
    if (this.broken.has(one.id)) return first ? "lost while no runtime ran" : "lost";
    throw new Violation("no illegal move", `sandbox ${one.id} is no longer READY, and nothing has happened to it`);
  }

  #containerCause(one: Known, before: Shown, shown: Shown, first: boolean): string {
    const sandbox = this.known.get(one.sandboxId);
    const asked = (what: "start" | "stop" | "remove"): boolean =>
      one.asked.has(what) || (what !== "start" && sandbox?.asked.has(what) === true);
    const illegal = (why: string) =>
      new Violation(
        "no illegal move",
        `container ${one.id} is ${shown.state} (${shown.exitCode} ${shown.reason}): ${why}`,
      );
    if (shown.startedAt !== 0n && !asked("start")) throw illegal("nobody has started it");
    if (shown.state === "RUNNING") return first ? "cut off in its start, and adopted" : "by StartContainer";
    const cutOff = first && shown.reason === "CreateError" && one.asked.has("start") && !asked("remove");
    if (cutOff) return "as its start was cut off and could not be reverted";
    const end = this.#endOf(one.id, shown, asked, illegal);
    if (before.state === "CREATED" && !/^as its (start failed|removal has begun)/.test(end))
      return "start and end at once";
    if (!first || !/^by (its own|SIGKILL|StopContainer)/.test(end)) return end;
    return `${end.startsWith("by its own") ? "by its own end" : "by a signal"}, found by a restart`;
  }

  #endOf(
    id: string,
    shown: Shown,
    asked: (what: "stop" | "remove") => boolean,
    illegal: (why: string) => Violation,
  ): string {
    const { reason, exitCode } = shown;
    const script = scripts[shown.variant] ?? {};
    const signals = this.#options.notes.signals.get(id) ?? [];
    if (reason === "CreateError") {
      if (!asked("remove") && !asked("stop")) throw illegal("nobody has removed it");
      return "as its removal has begun";
    }
    if (reason === "StartError")
      return shown.startedAt === 0n ? "as its start failed" : "as its start could not be kept";
    if (reason === "Unknown") {
      if (!this.#booted) throw illegal("its end was noted on the machine");
      return "by a reboot";
    }
    if (reason === "OOMKilled" && script.exit?.oomKilled) return "by its own end (OOMKilled)";
    if (reason !== (exitCode === 0 ? "Completed" : "Error")) throw illegal("its reason does not fit");
    if (exitCode === 137) {
      const kill = signals.findLast(({ which }) => which === "kill");
      if (kill === undefined) throw illegal("it was sent no SIGKILL");
      if (kill.by.startsWith("a start")) return "as its start could not be kept";
      if (kill.by !== "StopContainer") return `by SIGKILL of ${kill.by}`;
      if (this.shortened.has(id)) return "by SIGKILL of StopContainer with a shortened grace";
      return signals.some(({ which }) => which === "stop")
        ? "by SIGKILL of StopContainer after its grace"
        : "by SIGKILL of StopContainer with grace 0";
    }
    if (exitCode === (script.stop === "ignore" ? -1 : (script.stop?.code ?? 143))) {
      if (!signals.some(({ which }) => which === "stop")) throw illegal("it was sent no signal");
      return "by StopContainer in its grace";
    }
    if (exitCode === script.exit?.code) return "by its own end";
    throw illegal("nothing in its script ends so");
  }

  #checkTimes({ id, kind, state, createdAt, startedAt, finishedAt, reason }: Shown): void {
    const known = [createdAt, startedAt, finishedAt].filter((time) => time !== 0n);
    if (createdAt === 0n || known.some((time, at) => at > 0 && time < (known[at - 1] ?? 0n))) {
      throw new Violation("no illegal move", `times of ${kind} ${id} go backwards: ${known.join(", ")}`);
    }
    if (kind === "sandbox") return;
    const ended = state === "EXITED";
    if (ended !== (finishedAt !== 0n) || ended !== (reason !== "")) {
      throw new Violation(
        "no illegal move",
        `container ${id} is ${state}, its end ${finishedAt}, its reason "${reason}"`,
      );
    }
    if ((state === "RUNNING" && startedAt === 0n) || (state === "CREATED" && startedAt !== 0n)) {
      throw new Violation("no illegal move", `container ${id} is ${state}, its start ${startedAt}`);
    }
  }

  #checkSame(before: Shown, shown: Shown): void {
    for (const field of ["createdAt", "startedAt", "finishedAt", "exitCode", "reason", "name", "variant"] as const) {
      if (before[field] === shown[field]) continue;
      const what = `${field} of ${shown.kind} ${shown.id} (${shown.state}) was ${before[field]} and is ${shown[field]}`;
      throw new Violation("no illegal move", what);
    }
  }

  /** A name is in use once. */
  #checkRecords({ sandboxes, containers }: Core): void {
    const twice = <R>(all: readonly R[], identity: (record: R) => string): boolean =>
      new Set(all.map(identity)).size !== all.length;
    if (twice<SandboxRecord>(sandboxes.all(), sandboxIdentity))
      throw new Violation("no lost name", "two sandboxes have one name");
    if (twice<ContainerRecord>(containers.all(), containerIdentity)) {
      throw new Violation("no lost name", "two containers have one name");
    }
  }

  /** What has ended runs no more, once its signal has had the time to come. */
  #checkProcesses(running: readonly string[]): void {
    const still = running.filter((id) => this.#ended.get(id) === true);
    for (const id of this.#ended.keys()) this.#ended.delete(id);
    for (const id of running) {
      const shown = this.known.get(id)?.shown;
      if (shown?.state === "EXITED" && shown.reason !== "CreateError") this.#ended.set(id, true);
    }
    const [first] = still.filter((id) => this.#ended.has(id));
    if (first === undefined || this.#options.hung()) return;
    throw new Violation("true answers", `container ${first} is EXITED, and its process runs`);
  }

  /** Nothing is made before it is recorded, and nothing forgotten before it is given back. */
  #checkHeld(held: readonly string[], { sandboxes, containers }: Core): void {
    for (const one of held) {
      const [kind = "", owner = ""] = one.split(" ");
      if (this.partly.has(owner)) continue;
      const steps = (sandboxes.get(owner) ?? containers.get(owner))?.steps;
      if (steps?.some(({ name }) => name === heldBy[kind])) continue;
      throw new Violation(
        "no leaked resource",
        `${one} is held, and ${steps === undefined ? "its owner has no record" : "its record does not say so"}`,
      );
    }
  }
}

export const wantedKey = (kind: string, sandboxId: string, name: string, variant: string): string =>
  kind === "sandbox" ? `sandbox ${name} ${variant}` : `container ${sandboxId} ${name} ${variant}`;

function appearance(
  { kind, state }: Shown,
  record: { readonly failed?: string; readonly facts?: unknown } | undefined,
  how: "hidden" | "restart" | "made",
): string {
  const left = record?.failed !== undefined || record?.facts === undefined;
  const bad = kind === "sandbox" ? "shown NOTREADY" : "shown EXITED";
  if (how === "restart") {
    return left
      ? `${bad} by a restart: unfinished, and could not be reverted`
      : "shown by a restart: finished after its caller had gone";
  }
  if (left)
    return how === "hidden"
      ? `${bad}: hidden, and could not be reverted`
      : `${bad}: its create has failed and left something`;
  if (state === "NOTREADY") return "shown NOTREADY: lost before anybody saw it";
  return how === "hidden" ? `hidden, claimed ${state} by a retry` : `made ${state}`;
}
