import { Violation } from "./violation.ts";

const sandboxSteps = ["write-files", "make-cgroup", "pin-namespaces", "mount-shm", "attach-network"];
const containerSteps = ["hold-image", "mount-rootfs", "write-bundle"];

const at = (kind: string, steps: readonly string[]): string[] =>
  [...steps.flatMap((step) => [`${step}.apply`, `${step}.applied`]), "store.commit"].map(
    (point) => `create ${kind} reverted at ${point}`,
  );

/** Each with somebody who did not wait for its end, and with somebody whose deadline came. */
const longCalls: Readonly<Record<string, readonly string[]>> = {
  RunPodSandbox: ["waiting for step", "giving back step", "waiting for an earlier create of this sandbox"],
  CreateContainer: ["waiting for step"],
  StartContainer: ["waiting for step"],
  StopContainer: ["waiting for the end after its stop signal"],
  RemoveContainer: ["giving back step"],
  StopPodSandbox: ["giving back step"],
  RemovePodSandbox: ["giving back step"],
  ExecSync: ["waiting for the end of the command"],
  PullImage: ["pulling"],
};

const joined = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "StopContainer",
  "RemoveContainer",
  "StopPodSandbox",
  "RemovePodSandbox",
  "UpdateContainerResources",
  "PullImage",
];

/** What may happen, a transition and its cause each. What is not here must not happen, and in a long run all of it does. */
export const legalMoves: readonly string[] = [
  "sandbox made READY",
  "sandbox hidden, claimed READY by a retry",
  "sandbox shown NOTREADY: lost before anybody saw it",
  "sandbox shown NOTREADY: its create has failed and left something",
  "sandbox shown NOTREADY: hidden, and could not be reverted",
  "sandbox shown NOTREADY by a restart: unfinished, and could not be reverted",
  "sandbox shown by a restart: finished after its caller had gone",
  "sandbox READY→NOTREADY by StopPodSandbox",
  "sandbox READY→NOTREADY by RemovePodSandbox",
  "sandbox READY→NOTREADY lost",
  "sandbox READY→NOTREADY lost while no runtime ran",
  "sandbox READY→NOTREADY by a reboot",
  "sandbox NOTREADY→gone by RemovePodSandbox",
  "sandbox removed while READY",
  "container made CREATED",
  "container hidden, claimed CREATED by a retry",
  "container shown EXITED: its create has failed and left something",
  "container shown EXITED: hidden, and could not be reverted",
  "container shown EXITED by a restart: unfinished, and could not be reverted",
  "container shown by a restart: finished after its caller had gone",
  "container CREATED→RUNNING by StartContainer",
  "container CREATED→RUNNING cut off in its start, and adopted",
  "container CREATED→EXITED as its start failed",
  "container CREATED→EXITED as its removal has begun",
  "container CREATED→EXITED as its start was cut off and could not be reverted",
  "container CREATED→EXITED start and end at once",
  "container RUNNING→EXITED by its own end",
  "container RUNNING→EXITED by its own end (OOMKilled)",
  "container RUNNING→EXITED by StopContainer in its grace",
  "container RUNNING→EXITED by SIGKILL of StopContainer after its grace",
  "container RUNNING→EXITED by SIGKILL of StopContainer with a shortened grace",
  "container RUNNING→EXITED by SIGKILL of StopContainer with grace 0",
  "container RUNNING→EXITED by SIGKILL of StopPodSandbox",
  "container RUNNING→EXITED by SIGKILL of RemovePodSandbox",
  "container RUNNING→EXITED by SIGKILL of RemoveContainer",
  "container RUNNING→EXITED as its start could not be kept",
  "container RUNNING→EXITED by its own end, found by a restart",
  "container RUNNING→EXITED by a signal, found by a restart",
  "container RUNNING→EXITED by a reboot",
  "container EXITED→gone by RemoveContainer",
  "container EXITED→gone by RemovePodSandbox",
  "container removed while RUNNING",
  ...at("sandbox", sandboxSteps),
  ...at("container", containerSteps),
  "create sandbox failed and left something",
  "create container failed and left something",
  "create sandbox reverted: the runtime has stopped",
  "create container reverted: its sandbox is being stopped",
  "create container reverted: the runtime has stopped",
  ...["sandbox", "container"].flatMap((kind) => [
    `${kind} finished after its caller had gone, hidden`,
    `hidden ${kind} reverted: another configuration was asked for`,
    `hidden ${kind} reverted: nobody claimed it`,
    `restart with an unfinished ${kind}`,
  ]),
  "hidden container reverted: its sandbox is being stopped",
  ...["kill", "power", "stop", "reboot"].map((how) => `life ended: ${how}`),
  ...["kill", "power"].map((how) => `life ended in its start: ${how}`),
  "start failed and was tried again",
  ...["same", "lost", "reverted", "left"].map((kind) => `restart finds a sandbox: ${kind}`),
  ...["same", "created", "running", "exited", "reverted", "left"].map((kind) => `restart finds a container: ${kind}`),
  ...["sandbox", "container"].flatMap((kind) =>
    ["created", "started", "stopped", "deleted"].map((type) => `event ${type} of a ${kind}`),
  ),
  ...Object.entries(longCalls).flatMap(([rpc, stages]) =>
    stages.flatMap((stage) => ["left", "deadline"].map((how) => `${rpc} ${how} while ${stage}`)),
  ),
  ...joined.map((rpc) => `twins of ${rpc}: the same answer`),
];

const legal = new Set(legalMoves);

/** Counts what happened, by its name. */
export class Moves {
  readonly #counts = new Map<string, number>();

  /** @throws {@link Violation} for what is no legal move */
  count(name: string): void {
    if (!legal.has(name)) throw new Violation("no illegal move", `"${name}" is no legal move`);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Counts what begins as a legal move, and no other. */
  countStage(text: string): void {
    const name = legalMoves.find((one) => text.startsWith(one));
    if (name !== undefined) this.count(name);
  }

  add(other: Moves): void {
    for (const [name, count] of other.#counts) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  /** Those that have not happened. */
  get missing(): readonly string[] {
    return legalMoves.filter((name) => !this.#counts.has(name));
  }

  /** How often each happened. */
  get table(): string {
    return legalMoves.map((name) => `${String(this.#counts.get(name) ?? 0).padStart(8)}  ${name}`).join("\n");
  }
}
