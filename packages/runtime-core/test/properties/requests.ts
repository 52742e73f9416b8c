import { type Answer, type Call, isOk, messageOf, type Request } from "./calls.ts";
import type { Life } from "./machine.ts";
import { type ContainerWanted, containerConfig, type PodWanted, podConfig } from "./pods.ts";
import { rankOf, type Shown, short, stateOfContainer, stateOfSandbox } from "./shown.ts";
import { Violation } from "./violation.ts";
import type { EngineNotes } from "./watched-engine.ts";
import { type Known, type Watcher, wantedKey } from "./watcher.ts";

/** Requests about sandboxes and containers, each with what its answer means. */
export class Requests {
  readonly #watcher: Watcher;
  readonly #notes: EngineNotes;
  /** Changes of limits that run, by container. */
  readonly #updates = new Map<string, number>();
  /** How a call may fail at all is not for a request to know. */
  readonly #explain: (answer: Answer, call: Call) => boolean;
  readonly #storeFailed: () => boolean;
  /** Limits that a call has set or may set yet, by container. */
  readonly limits = new Map<string, Set<bigint>>();

  constructor(
    watcher: Watcher,
    notes: EngineNotes,
    explain: (answer: Answer, call: Call) => boolean,
    storeFailed: () => boolean,
  ) {
    this.#watcher = watcher;
    this.#explain = explain;
    this.#storeFailed = storeFailed;
    this.#notes = notes;
  }

  runPodSandbox(wanted: PodWanted): Request<{ podSandboxId: string }> {
    const name = `${wanted.name}/${wanted.attempt}`;
    const wants = wantedKey("sandbox", "", name, wanted.variant);
    this.#watcher.wanted.add(wants);
    return {
      wants,
      rpc: "RunPodSandbox",
      about: `${name} ${wanted.variant}`,
      send: (life, options) => life.runtime.runPodSandbox({ config: podConfig(wanted) }, options),
      judge: (answer, call) => {
        if (isOk(answer)) this.#created(answer.value.podSandboxId, name, wanted.variant, call);
        else if (answer.code === "AlreadyExists")
          this.#exists(answer, call, (one) => one.kind === "sandbox" && one.name === name);
        else this.#failed(answer, call);
      },
    };
  }

  createContainer(podSandboxId: string, wanted: ContainerWanted): Request<{ containerId: string }> {
    const name = `${wanted.name}/${wanted.attempt}`;
    const wants = wantedKey("container", podSandboxId, name, wanted.script);
    this.#watcher.wanted.add(wants);
    return {
      wants,
      rpc: "CreateContainer",
      about: `${short(podSandboxId)} ${name} ${wanted.script}`,
      send: (life, options) => life.runtime.createContainer({ podSandboxId, config: containerConfig(wanted) }, options),
      judge: (answer, call) => {
        if (isOk(answer)) this.#created(answer.value.containerId, name, wanted.script, call);
        else if (answer.code === "AlreadyExists") {
          this.#exists(
            answer,
            call,
            (one) => one.sandboxId === podSandboxId && one.kind === "container" && one.name === name,
          );
        } else if (answer.code === "NotFound" && messageOf(answer).includes("image")) return;
        else if (answer.code === "NotFound") this.#notFound(podSandboxId, answer, call);
        else if (answer.code === "FailedPrecondition" && this.#sandboxMayLeave(podSandboxId)) return;
        else this.#failed(answer, call);
      },
    };
  }

  startContainer(containerId: string): Request {
    this.#ask(containerId, "start");
    const before = this.#shown(containerId)?.state;
    return {
      rpc: "StartContainer",
      about: short(containerId),
      send: (life, options) => life.runtime.startContainer({ containerId }, options),
      judge: (answer, call) => {
        const one = this.#watcher.known.get(containerId);
        const shown = one?.shown;
        if (isOk(answer)) {
          if (one === undefined) throw wrong(call, "there is no such container");
          if (shown === undefined && !this.#removed(one)) throw wrong(call, "it is gone");
          if (shown !== undefined && (shown.startedAt === 0n || shown.reason === "StartError"))
            throw wrong(call, `it is ${shown.state} ${shown.reason}`);
          if (shown !== undefined && one.told.latest?.state !== "EXITED") one.told.latest = asRunning(shown);
          return;
        }
        if (answer.code === "NotFound" && shown?.variant === "has no command") return;
        if (answer.code === "NotFound") return this.#notFound(containerId, answer, call);
        const may = before !== "CREATED" || shown?.state !== "CREATED" || one?.asked.has("remove");
        const open = shown === undefined || this.#sandboxMayLeave(shown.sandboxId);
        if (answer.code === "FailedPrecondition" && (may || open)) return;
        if (answer.code === "Canceled" && one !== undefined && this.#removed(one)) return;
        this.#failed(answer, call);
      },
    };
  }

  stopContainer(containerId: string, timeout: number): Request {
    this.#ask(containerId, "stop");
    return {
      rpc: "StopContainer",
      about: `${short(containerId)} ${timeout} s`,
      send: (life, options) => life.runtime.stopContainer({ containerId, timeout: BigInt(timeout) }, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        const one = this.#watcher.known.get(containerId);
        // a start that comes later is none of its business
        if (one?.shown?.state === "RUNNING" && !this.#startsSince(containerId, call)) throw wrong(call, "it runs");
        const tookMs = call.tookMs() ?? 0;
        if (tookMs > timeout * 1000 + 6000) {
          throw new Violation("every call settles", `${nameOf(call)} has taken ${tookMs} ms`);
        }
        if (one?.shown?.state === "EXITED") one.told.latest = one.shown;
      },
    };
  }

  removeContainer(containerId: string): Request {
    this.#ask(containerId, "remove");
    return {
      rpc: "RemoveContainer",
      about: short(containerId),
      send: (life, options) => life.runtime.removeContainer({ containerId }, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        this.#mustBeGone(containerId, call);
      },
    };
  }

  stopPodSandbox(podSandboxId: string): Request {
    this.#ask(podSandboxId, "stop");
    return {
      rpc: "StopPodSandbox",
      about: short(podSandboxId),
      send: (life, options) => life.runtime.stopPodSandbox({ podSandboxId }, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        const one = this.#watcher.known.get(podSandboxId);
        if (one?.shown?.state === "READY") throw wrong(call, "it is READY");
        const { containers, containerJoins } = call.life.core;
        if (containers.all().some(({ id, sandboxId }) => sandboxId === podSandboxId && containerJoins.hides(id))) {
          throw wrong(call, "a container is being created in it");
        }
        if (one?.shown !== undefined) one.told.latest = one.shown;
        for (const { shown } of this.#watcher.known.values()) {
          if (shown?.sandboxId === podSandboxId && shown.state === "RUNNING")
            throw wrong(call, `container ${shown.id} runs`);
        }
      },
    };
  }

  removePodSandbox(podSandboxId: string): Request {
    this.#ask(podSandboxId, "remove");
    return {
      rpc: "RemovePodSandbox",
      about: short(podSandboxId),
      send: (life, options) => life.runtime.removePodSandbox({ podSandboxId }, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        for (const one of this.#watcher.known.values()) {
          if (one.sandboxId === podSandboxId) this.#mustBeGone(one.id, call);
        }
      },
    };
  }

  containerStatus(containerId: string): Request<Awaited<ReturnType<Life["runtime"]["containerStatus"]>>> {
    const before = this.#shown(containerId);
    return {
      rpc: "ContainerStatus",
      about: short(containerId),
      send: (life, options) => life.runtime.containerStatus({ containerId, verbose: true }, options),
      judge: (answer, call) => {
        if (isOk(answer)) this.#between(before, stateOfContainer(answer.value.status?.state), containerId, call);
        else if (answer.code === "NotFound") this.#notFound(containerId, answer, call);
        else this.#failed(answer, call);
      },
    };
  }

  podSandboxStatus(podSandboxId: string): Request<Awaited<ReturnType<Life["runtime"]["podSandboxStatus"]>>> {
    const before = this.#shown(podSandboxId);
    return {
      rpc: "PodSandboxStatus",
      about: short(podSandboxId),
      send: (life, options) => life.runtime.podSandboxStatus({ podSandboxId, verbose: true }, options),
      judge: (answer, call) => {
        if (isOk(answer)) this.#between(before, stateOfSandbox(answer.value.status?.state), podSandboxId, call);
        else if (answer.code === "NotFound") this.#notFound(podSandboxId, answer, call);
        else this.#failed(answer, call);
      },
    };
  }

  listPodSandbox(): Request<Awaited<ReturnType<Life["runtime"]["listPodSandbox"]>>> {
    return {
      rpc: "ListPodSandbox",
      about: "",
      send: (life, options) => life.runtime.listPodSandbox({}, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        this.#listed(
          "sandbox",
          answer.value.items.map(({ id }) => id),
          call,
        );
      },
    };
  }

  listContainers(): Request<Awaited<ReturnType<Life["runtime"]["listContainers"]>>> {
    return {
      rpc: "ListContainers",
      about: "",
      send: (life, options) => life.runtime.listContainers({}, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        this.#listed(
          "container",
          answer.value.containers.map(({ id }) => id),
          call,
        );
      },
    };
  }

  execSync(containerId: string, command: string, timeout: number): Request<{ exitCode: number }> {
    const before = this.#shown(containerId);
    return {
      rpc: "ExecSync",
      about: `${short(containerId)} ${command}`,
      send: (life, options) =>
        life.runtime.execSync({ containerId, cmd: [command], timeout: BigInt(timeout) }, options),
      judge: (answer, call) => {
        const codes = before?.variant === "talks" && command === "slow" ? [5, 137] : [0, 137];
        if (isOk(answer)) {
          if (!codes.includes(answer.value.exitCode)) throw wrong(call, `it ends with ${answer.value.exitCode}`);
        } else if (answer.code === "NotFound" && command === "lost" && before?.variant === "talks") return;
        else if (answer.code === "NotFound") this.#notFound(containerId, answer, call);
        else if (answer.code === "DeadlineExceeded" && timeout > 0) return;
        else if (answer.code === "FailedPrecondition" && this.#mayNotRun(containerId, before)) return;
        else this.#failed(answer, call);
      },
    };
  }

  reopenContainerLog(containerId: string): Request {
    const before = this.#shown(containerId);
    return {
      rpc: "ReopenContainerLog",
      about: short(containerId),
      send: (life, options) => life.runtime.reopenContainerLog({ containerId }, options),
      judge: (answer, call) => {
        if (isOk(answer)) return;
        if (answer.code === "NotFound") this.#notFound(containerId, answer, call);
        else if (answer.code === "FailedPrecondition" && this.#mayNotRun(containerId, before)) return;
        else this.#failed(answer, call);
      },
    };
  }

  updateContainerResources(containerId: string, limit: bigint): Request {
    const limits = this.limits.get(containerId) ?? new Set();
    this.limits.set(containerId, limits.add(limit));
    this.#updates.set(containerId, (this.#updates.get(containerId) ?? 0) + 1);
    return {
      rpc: "UpdateContainerResources",
      about: `${short(containerId)} ${limit}`,
      send: (life, options) =>
        life.runtime.updateContainerResources({ containerId, linux: { memoryLimitInBytes: limit } }, options),
      judge: (answer, call) => {
        // one that is left goes on, nobody knows how long
        if (answer.code !== "DeadlineExceeded") {
          const others = (this.#updates.get(containerId) ?? 0) - 1;
          this.#updates.set(containerId, others);
          if (others === 0) this.#checkLimit(containerId);
        }
        if (isOk(answer)) return;
        const one = this.#watcher.known.get(containerId);
        const mayLeave =
          one === undefined ||
          one.shown?.state !== "RUNNING" ||
          this.#mayNotRun(containerId, one.shown) ||
          this.#removed(one);
        if (answer.code === "NotFound" && mayLeave) return;
        if (answer.code === "FailedPrecondition" && mayLeave) return;
        // what has failed must not hold, unless nobody knows whether it has, or could not record that it is taken back
        const isTakenBack = !this.#storeFailed() || !messageOf(answer).includes("store.flush");
        if (!call.left && answer.code === "Internal" && isTakenBack) limits.delete(limit);
        this.#failed(answer, call);
      },
    };
  }

  updatePodSandboxResources(podSandboxId: string, limit: bigint): Request {
    return {
      rpc: "UpdatePodSandboxResources",
      about: short(podSandboxId),
      send: (life, options) =>
        life.runtime.updatePodSandboxResources({ podSandboxId, resources: { memoryLimitInBytes: limit } }, options),
      judge: (answer, call) => {
        if (isOk(answer)) return;
        if (answer.code === "NotFound") this.#notFound(podSandboxId, answer, call);
        else this.#failed(answer, call);
      },
    };
  }

  /** What holds is what is shown. */
  #checkLimit(id: string): void {
    const shown = this.#shown(id);
    const holds = this.#notes.limits.get(id);
    if (shown === undefined || shown.state === "EXITED" || holds === undefined || this.#notes.spoilt.has(id)) return;
    if (holds === shown.limit) return;
    const what = `container ${short(id)} shows the limit ${shown.limit}, and ${holds} holds`;
    throw new Violation("a failure leaves nothing", what);
  }

  #shown(id: string): Shown | undefined {
    return this.#watcher.known.get(id)?.shown;
  }

  #ask(id: string, what: "start" | "stop" | "remove"): void {
    const one = this.#watcher.known.get(id);
    const { state = "EXITED" } = one?.shown ?? {};
    if (what === "remove" && (state === "RUNNING" || state === "READY")) this.#watcher.removedRunning.add(id);
    one?.asked.add(what);
  }

  #created(id: string, name: string, variant: string, call: Call): void {
    const one = this.#watcher.known.get(id);
    if (one === undefined) throw wrong(call, `its answer ${short(id)} was never shown`);
    const shown = one.shown;
    if (shown === undefined) {
      if (!this.#removed(one)) throw wrong(call, `${short(id)} is gone`);
      return;
    }
    if (shown.name !== name || shown.variant !== variant)
      throw wrong(call, `${short(id)} is ${shown.name} ${shown.variant}`);
    one.told.created ??= shown.kind === "sandbox" ? { ...shown, state: "READY" } : asCreated(shown);
  }

  /** ALREADY_EXISTS names an object that was shown while the call ran. */
  #exists(answer: Answer, call: Call, fits: (shown: Shown) => boolean): void {
    const id = /[0-9a-f]{64}/.exec(messageOf(answer))?.[0] ?? "";
    const one = this.#watcher.known.get(id);
    const shown = one?.shown;
    const wasShown = one !== undefined && (shown !== undefined || (one.until ?? 0) >= call.began);
    if (!wasShown || (shown !== undefined && !fits(shown))) {
      throw new Violation("no lost name", `${nameOf(call)}: ${messageOf(answer)}; nobody sees it`);
    }
  }

  #notFound(id: string, answer: Answer, call: Call): void {
    if (!this.#watcher.shownSince(id, call.began)) return;
    throw new Violation("true answers", `${nameOf(call)}: ${messageOf(answer)}; it was shown all the time`);
  }

  #failed(answer: Answer, call: Call): void {
    if (this.#explain(answer, call)) return;
    throw new Violation(
      "true answers",
      `${nameOf(call)}: ${answer.code} ${messageOf(answer)}; there is no reason for it`,
    );
  }

  #mustBeGone(id: string, call: Call): void {
    const one = this.#watcher.known.get(id);
    if (one === undefined) return;
    if (one.shown !== undefined) throw wrong(call, `${one.kind} ${short(id)} is ${one.shown.state}`);
    one.told.gone = true;
  }

  #between(before: Shown | undefined, state: Shown["state"], id: string, call: Call): void {
    const now = this.#watcher.known.get(id);
    const from = before === undefined ? 0 : rankOf(before);
    const rank = rankOf({ state });
    if (rank >= from && rank <= rankOf(now?.shown)) return;
    throw new Violation(
      "true answers",
      `${nameOf(call)}: ${state}; it was ${before?.state} and is ${now?.shown?.state}`,
    );
  }

  #listed(kind: Known["kind"], ids: readonly string[], call: Call): void {
    for (const one of this.#watcher.known.values()) {
      if (one.kind === kind && this.#watcher.shownSince(one.id, call.began) && !ids.includes(one.id)) {
        throw new Violation("true answers", `${nameOf(call)} has no ${short(one.id)}; it was shown all the time`);
      }
    }
    for (const id of ids) {
      const one = this.#watcher.known.get(id);
      if (one === undefined || (one.shown === undefined && (one.until ?? 0) < call.began)) {
        throw new Violation("true answers", `${nameOf(call)} has ${short(id)}; nobody has seen it`);
      }
    }
  }

  #removed(one: Known): boolean {
    return one.asked.has("remove") || this.#watcher.known.get(one.sandboxId)?.asked.has("remove") === true;
  }

  #sandboxMayLeave(id: string): boolean {
    const one = this.#watcher.known.get(id);
    return (
      one === undefined ||
      one.asked.has("stop") ||
      one.asked.has("remove") ||
      one.shown?.state !== "READY" ||
      this.#watcher.broken.has(id)
    );
  }

  /** It may have ended by itself, or somebody has had it ended. */
  #mayNotRun(id: string, before: Shown | undefined): boolean {
    const one = this.#watcher.known.get(id);
    if (one === undefined || before?.state !== "RUNNING" || one.shown?.state !== "RUNNING") return true;
    if (!["talks", "runs until stopped", "does not hear"].includes(before.variant)) return true;
    return one.asked.has("stop") || this.#removed(one) || this.#sandboxMayLeave(one.sandboxId);
  }

  readonly starts: { readonly id: string; readonly began: number }[] = [];

  #startsSince(id: string, call: Call): boolean {
    return this.starts.some((one) => one.id === id && one.began >= call.began);
  }
}

export const nameOf = ({ number, request }: Call): string => `#${number} ${request.rpc} ${request.about}`;

function wrong(call: Call, why: string): Violation {
  return new Violation("true answers", `${nameOf(call)} was answered OK, and ${why}`);
}

const unended = { finishedAt: 0n, exitCode: 0, reason: "" } as const;

const asRunning = (shown: Shown): Shown =>
  shown.state === "EXITED" ? { ...shown, ...unended, state: "RUNNING" } : shown;

const asCreated = (shown: Shown): Shown => ({ ...shown, ...unended, state: "CREATED", startedAt: 0n });
