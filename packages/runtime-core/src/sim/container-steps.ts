import { notFound, quote } from "@keelson/cri-api/errors";
import type { ContainerConfig } from "@keelson/cri-api/v1";
import {
  type AnyStep,
  type Clock,
  type ContainerRecord,
  type Json,
  recordedFacts,
  type SandboxRecord,
  type StartFacts,
  type StepRecord,
} from "../ports/index.ts";
import type { LogSink } from "./logs.ts";
import type { ContainerScript } from "./script.ts";
import { type StepTools, simulatedStep } from "./simulated-step.ts";
import type { Life } from "./world.ts";

export interface ContainerTools extends StepTools {
  readonly life: Life;
  readonly clock: Clock;
  readonly logs: LogSink;
  readonly scriptOf: (config: ContainerConfig) => ContainerScript;
  readonly onError: (error: unknown) => void;
  /** Set for a start: what a process is made of, which is more than a plan can hold. */
  readonly starting?: ContainerSubject;
}

export interface ContainerSubject {
  readonly record: ContainerRecord;
  readonly sandbox: SandboxRecord;
}

const holdImage = simulatedStep<ContainerSubject, ContainerTools>({
  name: "hold-image",
  heldUntil: "remove",
  plan: ({ record }) => ({ owner: record.id, image: record.image.id }),
  apply({ owner, image }, { life }) {
    const found = life.images.get(String(image));
    if (found === undefined) {
      throw notFound(`hold image ${quote(String(image))}: it is not on this node any more`, { hint: "pull it first" });
    }
    life.hold("image", owner, found.id);
    return { stopSignal: found.stopSignal };
  },
  revert({ owner }, { life }) {
    life.release("image", owner);
  },
});

const mountRootfs = simulatedStep<ContainerSubject, ContainerTools>({
  name: "mount-rootfs",
  heldUntil: "remove",
  plan: ({ record }) => ({ owner: record.id }),
  apply({ owner }, { life }) {
    life.hold("rootfs", owner, "rw");
    return {};
  },
  revert({ owner }, { life }) {
    life.release("rootfs", owner);
  },
});

const writeBundle = simulatedStep<ContainerSubject, ContainerTools>({
  name: "write-bundle",
  heldUntil: "remove",
  plan: ({ record, sandbox }) => ({
    owner: record.id,
    directory: sandbox.config.logDirectory,
    logPath: record.logPath,
  }),
  async apply({ owner, directory, logPath }, { life, logs }) {
    life.hold("bundle", owner, "config.json");
    // what is in the log file's way is told by the create
    if (logPath !== "") (await logs.open({ directory: String(directory), path: String(logPath) })).close();
    return {};
  },
  revert({ owner }, { life }) {
    life.release("bundle", owner);
  },
});

/** What CreateContainer makes, in the order of making. */
export const createSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [holdImage, mountRootfs, writeBundle];

const startProcess = simulatedStep<ContainerSubject, ContainerTools>({
  name: "start-process",
  heldUntil: "remove",
  plan: ({ record }) => ({ owner: record.id }),
  async apply({ owner }, tools) {
    if (tools.starting === undefined) throw new Error(`start process of ${owner}: nothing to start`);
    const { record, sandbox } = tools.starting;
    const script = tools.scriptOf(record.config);
    if (script.startError !== undefined) {
      throw notFound(`start container ${owner}: ${script.startError}`, {
        hint: "check the command, and that the image has it",
      });
    }
    const file = { directory: sandbox.config.logDirectory, path: record.logPath };
    const log = record.logPath === "" ? undefined : await tools.logs.open(file);
    const pod = sandbox.id;
    const { stdin } = record.config;
    const process = tools.life.start({
      id: owner,
      pod,
      script,
      stdin,
      clock: tools.clock,
      log,
      onError: tools.onError,
    });
    return { startedAtNs: String(process.startedAtNs) };
  },
  revert({ owner }, { life }) {
    life.forget(owner);
  },
});

/** What StartContainer makes. */
export const startSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [startProcess];

/** All of a container's steps, to give them back. */
export const containerSteps: readonly AnyStep<ContainerSubject, ContainerTools>[] = [...createSteps, ...startSteps];

/** What a container's recorded start says; undefined when its facts are not known. */
export function recordedStart(steps: readonly StepRecord[]): StartFacts | undefined {
  const startedAtNs = textFact(steps, startProcess.name, "startedAtNs");
  return startedAtNs === undefined ? undefined : { startedAtNs: BigInt(startedAtNs), pid: 0 };
}

/** The stop signal of the image that a container holds; "" when that is not known. */
export function recordedStopSignal(steps: readonly StepRecord[]): string {
  return textFact(steps, holdImage.name, "stopSignal") ?? "";
}

function textFact(steps: readonly StepRecord[], step: string, name: string): string | undefined {
  const facts = recordedFacts(steps).get(step);
  if (typeof facts !== "object" || facts === null || Array.isArray(facts)) return undefined;
  const value = new Map<string, Json>(Object.entries(facts)).get(name);
  return typeof value === "string" ? value : undefined;
}
