import type { LogFields } from "../../src/log.ts";
import type { SandboxRecord } from "../../src/ports/index.ts";
import { type Answer, answerOf, type Call, isOk, messageOf, type Request } from "./calls.ts";
import { EventReaders } from "./event-readers.ts";
import { ImageRequests } from "./image-requests.ts";
import { type LifeEnd, Machine } from "./machine.ts";
import { Moves } from "./moves.ts";
import { createRandom, type Random } from "./random.ts";
import { createRandomFaults, type RandomFaults } from "./random-faults.ts";
import { nameOf, Requests } from "./requests.ts";
import { short } from "./shown.ts";
import { createTurns, type Turns } from "./turns.ts";
import { Violation } from "./violation.ts";
import { type EngineNotes, newNotes, watchEngine } from "./watched-engine.ts";
import { Watcher } from "./watcher.ts";

/** One machine and its callers, for the length of a run. */
export class Run {
  readonly random: Random;
  readonly turns: Turns;
  readonly faults: RandomFaults;
  readonly moves: Moves = new Moves();
  readonly notes: EngineNotes = newNotes();
  readonly watcher: Watcher;
  readonly requests: Requests;
  readonly images: ImageRequests;
  readonly readers: EventReaders;
  readonly machine: Machine;
  readonly calls: Call[] = [];
  readonly trace: string[] = [];
  /** Log files that somebody has moved, in order. */
  readonly rotated: string[] = [];
  /** How often a life ends while it starts, each step. */
  restless = 0;
  readonly #violations: Violation[] = [];
  #numbers = 0;
  #served = 0;
  /** A stop that is under way. */
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(seed: number) {
    const { moves, notes } = this;
    this.random = createRandom(seed);
    this.turns = createTurns(this.random);
    const trace = (line: string): void => this.note(line);
    this.faults = createRandomFaults(this.random, this.turns, trace);
    const storeFailed = (): boolean => this.faults.failed.has("store.commit");
    this.watcher = new Watcher({
      ...{ moves, notes, trace, storeFailed },
      hung: () => this.faults.hung,
      isAwaited: (wanted) => this.#isAwaited(wanted),
    });
    const mayFail = (answer: Answer, call: Call): boolean => this.#mayFail(answer, call);
    this.requests = new Requests(this.watcher, notes, mayFail, storeFailed);
    this.images = new ImageRequests(mayFail);
    const onViolation = (violation: Violation): void => void this.#violations.push(violation);
    this.readers = new EventReaders(this.watcher, moves, onViolation);
    this.machine = new Machine({
      ...{ random: this.random, turns: this.turns, faults: this.faults },
      onLog: (message, fields) => this.#logged(message, fields),
      watch: (engine, life) => watchEngine(engine, { moves, notes, life, onViolation, trace }),
    });
  }

  get serves(): boolean {
    return this.machine.life.core.phase === "serving";
  }

  get pending(): readonly Call[] {
    return this.calls.filter(({ answer }) => answer === undefined);
  }

  note(line: string): void {
    this.trace.push(`${this.turns.elapsedMs()} ${line}`);
  }

  /** One goes, and everybody looks. */
  async step(): Promise<void> {
    await this.turns.step();
    const { life } = this.machine;
    this.watcher.look(this.machine);
    if (life.core.phase === "serving" && this.#served !== life.number) {
      this.#served = life.number;
      this.readers.begin(life);
      await this.turns.settle();
    }
    const [first] = this.#violations;
    if (first !== undefined) throw first;
  }

  /** A start ends; should it fail, the service manager starts it again. */
  async settleStart(): Promise<void> {
    for (let steps = 0; !this.serves; steps++) {
      const { life } = this.machine;
      if (this.random.chance(this.restless)) {
        const how = this.random.pick(["kill", "power"]);
        this.note(`the life ends in its start: ${how}`);
        this.moves.count(`life ended in its start: ${how}`);
        this.#next(how);
      }
      if (steps > 20_000) throw new Violation("every call settles", "the core does not start");
      if (this.startFailed === life.number) {
        this.moves.count("start failed and was tried again");
        this.#next("kill");
      }
      await this.step();
    }
  }

  send<T>(request: Request<T>, timeoutMs?: number): Call {
    const { life } = this.machine;
    const controller = new AbortController();
    const sentMs = this.turns.activeMs();
    const call: Call = {
      tookMs: () => {
        const { hung, failed } = this.faults;
        return hung || failed.has("store.commit") ? undefined : this.turns.activeMs() - sentMs;
      },
      ...{
        number: ++this.#numbers,
        request: request as Request,
        life,
        began: this.watcher.step,
        controller,
        timeoutMs,
      },
      ...{ early: !this.serves, left: false, answer: undefined },
    };
    this.calls.push(call);
    if (request.rpc === "StartContainer") this.requests.starts.push({ id: request.about, began: call.began });
    this.note(`${nameOf(call)}${timeoutMs === undefined ? "" : ` within ${timeoutMs} ms`}`);
    life.over.signal.addEventListener("abort", () => controller.abort(), { once: true });
    const sent = request.send(life, { signal: controller.signal, ...(timeoutMs !== undefined && { timeoutMs }) });
    void answerOf(sent).then((answer) => this.#answered(call, answer as Answer));
    return call;
  }

  /** Asks, and waits for the end. */
  async done(request: Request<never> | Request): Promise<Answer> {
    const call = this.send(request as Request);
    await this.turns.settle();
    for (let steps = 0; call.answer === undefined; steps++) {
      if (steps > 20_000) throw new Violation("every call settles", nameOf(call));
      await this.step();
    }
    return call.answer;
  }

  /** The caller goes. */
  leave(call: Call): void {
    if (call.answer !== undefined) return;
    this.note(`#${call.number} is left`);
    call.left = true;
    call.controller.abort();
  }

  /** The life ends so, at once; a stop waits until it has ended, at most as long as a service manager does. */
  async end(how: LifeEnd): Promise<void> {
    this.note(`the life ends: ${how}`);
    const { life } = this.machine;
    if (how === "stop" || how === "reboot") {
      this.#closed = false;
      this.#closing ??= this.machine.close().then(() => {
        this.#closed = true;
      });
      for (let steps = 0; !this.#closed; steps++) {
        if (steps > 20_000) throw new Violation("every call settles", "the core does not close");
        await this.step();
      }
      this.#closing = undefined;
      for (let steps = 0; steps < 30 && this.turns.ready > 0; steps++) await this.step();
      // a command ends with its caller, whom the server lets go
      const waits = this.pending.find(
        (call) => call.life === life && call.request.rpc !== "ExecSync" && !this.faults.hung,
      );
      if (waits !== undefined)
        throw new Violation("every call settles", `${nameOf(waits)} waits for a core that is closed`);
    }
    this.moves.count(`life ended: ${how}`);
    this.#next(how);
  }

  #next(how: LifeEnd): void {
    const { life } = this.machine;
    if (how === "power") this.readers.powerLost();
    this.watcher.ended(how);
    // a change that was cut off may hold, and nobody was told
    this.notes.limits.clear();
    this.machine.next(how, () => {
      if (this.random.chance(0.15)) this.breakPod(life.core.sandboxes.all());
    });
  }

  /** One of these is no longer whole, as when somebody has unmounted its namespaces. */
  breakPod(pods: readonly SandboxRecord[]): void {
    const one = this.random.any(pods);
    if (one?.facts === undefined) return;
    this.note(`sandbox ${short(one.id)} breaks`);
    this.watcher.broken.add(one.id);
    this.machine.world.breakSandbox(one.id, "somebody has unmounted it");
  }

  /** The number of the life whose start has failed. */
  get startFailed(): number {
    return this.machine.failed;
  }

  #answered(call: Call, answer: Answer): void {
    call.answer = answer;
    this.note(`#${call.number} ${isOk(answer) ? "OK" : `${answer.code} ${messageOf(answer)}`}`);
    const { life } = call;
    if (life.over.signal.aborted) return;
    try {
      this.watcher.look(this.machine);
      if (call.left && !isOk(answer)) return;
      call.request.judge(answer, call);
      this.#compare(call);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violations.push(error);
    }
  }

  #isAwaited(wanted: string): boolean {
    const { life } = this.machine;
    return this.calls.some(
      ({ request, life: its, left, answer }) =>
        request.wants === wanted && its === life && !left && (answer === undefined || isOk(answer)),
    );
  }

  /** Who has asked for the same at the same time gets the same. */
  #compare(call: Call): void {
    const twin = call.twin ?? this.calls.find((other) => other.twin === call);
    if (twin?.answer === undefined || call.answer === undefined || twin.left || call.left) return;
    const both = [twin.answer, call.answer];
    // a deadline is each caller's own, and so is the flush before its answer
    if (both.some(({ code }) => code === "DeadlineExceeded")) return;
    if (both.some((answer) => messageOf(answer).includes("injected at store.flush"))) return;
    if (/^(List|.*Status|ExecSync|UpdatePod|RemoveImage)/.test(call.request.rpc)) return;
    const [first = "", second = ""] = both.map(outcomeOf);
    if (first === second) {
      if (first.startsWith("OK")) this.moves.countStage(`twins of ${call.request.rpc}: the same answer`);
      return;
    }
    // who comes a moment after a hidden object was claimed finds it there
    const ids = both.map(
      (answer) => /[0-9a-f]{64}/.exec(isOk(answer) ? JSON.stringify(answer.value) : messageOf(answer))?.[0],
    );
    if (both.some(({ code }) => code === "AlreadyExists") && ids[0] === ids[1]) return;
    throw new Violation("one answer", `${nameOf(twin)}: ${first}; #${call.number}: ${second}`);
  }

  /** Why a call may fail that has asked for nothing wrong. */
  #mayFail(answer: Answer, call: Call): boolean {
    const message = messageOf(answer);
    const { life, timeoutMs, left } = call;
    if (message.includes("injected at ")) return true;
    if (answer.code === "Canceled" && left) return true;
    if (answer.code === "DeadlineExceeded" && timeoutMs !== undefined) return true;
    if (message.includes("or after its close")) return this.faults.hung;
    // it hung longer than anybody waits for an end
    if (answer.code === "DeadlineExceeded" && message.includes("after SIGKILL")) return this.faults.hung;
    return answer.code === "Unavailable" && (life.core.phase !== "serving" || call.early);
  }

  #logged(message: string, fields: LogFields): void {
    const { id, why } = fields;
    if (message.includes("hidden until it is claimed") && typeof id === "string") {
      this.watcher.hidden.add(id);
      this.moves.count(`${message.split(" ")[0]} finished after its caller had gone, hidden`);
    }
    if (message.startsWith("reverting an unclaimed")) {
      const cause = String(why).includes("is being stopped") ? "its sandbox is being stopped" : String(why);
      this.moves.count(`hidden ${message.split(" ")[3]} reverted: ${cause}`);
    }
    if (fields.error instanceof Error) {
      const left = / while (.*) for [0-9.]+ s/.exec(fields.error.message);
      const word = message === "call left by its caller" ? "left" : message === "call failed" ? "deadline" : undefined;
      if (left !== null && word !== undefined) this.moves.countStage(`${String(fields.rpc)} ${word} while ${left[1]}`);
    }
  }
}

const outcomeOf = (answer: Answer): string =>
  isOk(answer) ? `OK ${JSON.stringify(answer.value)}` : `${answer.code} ${messageOf(answer)}`;
