import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ContainerConfigSchema,
  type ImageSpec,
  ImageSpecSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import type {
  ContainerExit,
  ContainerRecord,
  Engine,
  EngineObserver,
  Journal,
  Json,
  SandboxRecord,
  StepRecord,
  Task,
} from "../src/ports/index.ts";
import {
  createFaults,
  createManualClock,
  createMemoryLogs,
  createSimulatedEngine,
  createSimulatedWorld,
  type Script,
  type SimulatedWorld,
  scriptAnnotation,
} from "../src/sim/index.ts";

/** A journal that notes into memory, in the order of the calls. */
export function memoryJournal(steps: readonly StepRecord[] = []): Journal & { readonly calls: readonly string[] } {
  let all: readonly StepRecord[] = steps;
  const calls: string[] = [];
  return {
    calls,
    get steps() {
      return all;
    },
    async plan(name: string, plan: Json) {
      calls.push(`plan ${name}`);
      all = [...all, { name, plan }];
    },
    async facts(name: string, facts: Json) {
      calls.push(`facts ${name}`);
      all = all.map((one) => (one.name === name ? { ...one, facts } : one));
    },
    async forget(name: string) {
      calls.push(`forget ${name}`);
      all = all.filter((one) => one.name !== name);
    },
    async flush() {
      calls.push("flush");
    },
  };
}

export function freeTask(signal: AbortSignal = new AbortController().signal): Task & { readonly stages: string[] } {
  const stages: string[] = [];
  return { signal, stages, stage: (text) => void stages.push(text) };
}

export function sandboxRecord(id: string, config: MessageInitShape<typeof PodSandboxConfigSchema> = {}): SandboxRecord {
  const full: PodSandboxConfig = create(PodSandboxConfigSchema, { logDirectory: "/logs/pod", ...config });
  return { id, config: full, runtimeHandler: "", createdAtNs: 1n, steps: [], facts: { ips: [] } };
}

export function imageSpec(image: string): ImageSpec {
  return create(ImageSpecSchema, { image });
}

export const busybox = "docker.io/library/busybox:1.36";

/** An engine that has been reconciled with nothing, with the ends that it told. */
export async function openEngine(options: { script?: Script; world?: SimulatedWorld } = {}) {
  const { script = {}, world = createSimulatedWorld() } = options;
  const clock = createManualClock();
  const logs = createMemoryLogs();
  const faults = createFaults();
  const engine = createSimulatedEngine({ clock, logs, faults, script, world });
  const ends = endsOf();
  await engine.reconcile({ sandboxes: [], containers: [] }, ends.observer);
  return { engine, clock, logs, faults, world, ends };
}

/** Notes the ends that an engine tells, and lets a test wait for one. */
export function endsOf() {
  const told: { id: string; exit: ContainerExit }[] = [];
  const lost: string[] = [];
  const waiting = new Map<string, (exit: ContainerExit) => void>();
  const observer: EngineObserver = {
    async containerExited(id, exit) {
      told.push({ id, exit });
      waiting.get(id)?.(exit);
    },
    async sandboxLost(id, why) {
      lost.push(`${id}: ${why}`);
    },
  };
  const until = (id: string): Promise<ContainerExit> => {
    const known = told.find((one) => one.id === id);
    if (known !== undefined) return Promise.resolve(known.exit);
    return new Promise((resolve) => waiting.set(id, resolve));
  };
  return { told, lost, observer, until };
}

export interface Made {
  readonly sandbox: SandboxRecord;
  readonly record: ContainerRecord;
  readonly journal: Journal;
}

/** A sandbox with a container that follows `script`, created and not started. */
export async function makeContainer(engine: Engine, id: string, script?: Json): Promise<Made> {
  const image = await engine.images.pull(
    { image: imageSpec(busybox), auth: undefined, sandbox: undefined },
    freeTask(),
  );
  const sandbox = sandboxRecord(`pod-of-${id}`);
  const sandboxJournal = memoryJournal();
  await engine.sandboxes.create(sandbox, sandboxJournal, freeTask());
  const config = create(ContainerConfigSchema, {
    metadata: { name: id },
    image: { image: busybox },
    annotations: script === undefined ? {} : { [scriptAnnotation]: JSON.stringify(script) },
    logPath: `${id}.log`,
  });
  engine.containers.admit(config, sandbox);
  const record: ContainerRecord = {
    id,
    sandboxId: sandbox.id,
    config,
    createdAtNs: 2n,
    image,
    logPath: `/logs/pod/${id}.log`,
    steps: [],
  };
  const journal = memoryJournal();
  await engine.containers.create(record, sandbox, journal, freeTask());
  return { sandbox: { ...sandbox, steps: sandboxJournal.steps }, record: { ...record, steps: journal.steps }, journal };
}
