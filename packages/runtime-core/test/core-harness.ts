import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { type CriErrorCode, grpcStatus } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type ImageService,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  type RuntimeService,
} from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { expect } from "vitest";
import { type Core, createCore } from "../src/core.ts";
import type { Log, LogFields } from "../src/log.ts";
import type { Engine, Meter, StateStore } from "../src/ports/index.ts";
import { registerCri } from "../src/router.ts";
import {
  type ContainerScript,
  createFaults,
  createManualClock,
  createMemoryLogs,
  createMemoryStore,
  createSimulatedEngine,
  createSimulatedWorld,
  type Faults,
  type ManualClock,
  type MemoryLogs,
  type MemoryStore,
  type SimulatedWorld,
  scriptAnnotation,
} from "../src/sim/index.ts";
import type { Tracer } from "../src/telemetry/tracer.ts";

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: LogFields;
}

export interface CoreHarness {
  readonly core: Core;
  readonly engine: Engine;
  readonly world: SimulatedWorld;
  readonly store: MemoryStore;
  readonly clock: ManualClock;
  readonly faults: Faults;
  readonly logs: MemoryLogs;
  readonly lines: readonly LogLine[];
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
}

export interface CoreHarnessOptions {
  readonly world?: SimulatedWorld;
  readonly store?: MemoryStore;
  /** What the core gets in place of the store. */
  readonly through?: (store: MemoryStore) => StateStore;
  readonly clock?: ManualClock;
  readonly version?: CriVersion;
  readonly newId?: () => string;
  readonly meter?: Meter;
  readonly tracer?: Tracer;
  /** What the core gets in place of the simulated engine. */
  readonly over?: (engine: Engine) => Engine;
}

/** What a message can be made of, and no message. */
type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { readonly $typeName: string }>;

export const busybox = "docker.io/library/busybox:latest";

/** A core over the simulated engine, called through a Connect router in memory, with one image pulled. */
export async function openCore(options: CoreHarnessOptions = {}): Promise<CoreHarness> {
  const { world = createSimulatedWorld(), clock = createManualClock(), version = "v1" } = options;
  const faults = createFaults();
  const logs = createMemoryLogs();
  const store = options.store ?? createMemoryStore({ faults });
  const lines: LogLine[] = [];
  const log = collectingLog(lines);
  // a core whose store was taken away hears of ends that it can't record
  const onError = (error: unknown): void => log.debug("the simulated engine had nobody to tell", { error });
  const engine = createSimulatedEngine({ clock, world, faults, logs, onError });
  const { newId, meter, tracer } = options;
  const core = createCore({
    engine: options.over?.(engine) ?? engine,
    store: options.through?.(store) ?? store,
    clock,
    log,
    runtimeVersion: "1.2.3",
    ...(newId && { newId }),
    ...(meter && { meter }),
    ...(tracer && { tracer }),
  });
  await core.start();
  const transport = createRouterTransport((router) => registerCri(router, core));
  const { runtime, image } = criServices[version];
  const images = createClient(image, transport);
  await images.pullImage({ image: { image: busybox } });
  return { core, engine, world, store, clock, faults, logs, lines, runtime: createClient(runtime, transport), images };
}

export function collectingLog(lines: LogLine[]): Log {
  const write =
    (level: keyof Log) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

export function podConfig(name = "pod", more: Fields<typeof PodSandboxConfigSchema> = {}): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name, namespace: "default", uid: `uid-of-${name}`, attempt: 0 },
    logDirectory: `/var/log/pods/${name}`,
    ...more,
  });
}

export function containerConfig(
  name = "main",
  more: Fields<typeof ContainerConfigSchema> & { readonly script?: ContainerScript } = {},
): ContainerConfig {
  const { script, ...fields } = more;
  return create(ContainerConfigSchema, {
    metadata: { name, attempt: 0 },
    image: { image: busybox },
    logPath: `${name}/0.log`,
    annotations: script === undefined ? {} : { [scriptAnnotation]: JSON.stringify(script) },
    ...fields,
  });
}

/** A READY sandbox with one container in it that runs. */
export async function runContainer(harness: CoreHarness, script?: ContainerScript) {
  const { runtime } = harness;
  const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
  const config = containerConfig("main", script === undefined ? {} : { script });
  const { containerId } = await runtime.createContainer({ podSandboxId, config });
  await runtime.startContainer({ containerId });
  return { podSandboxId, containerId };
}

/** Waits until a container's end is recorded. */
export async function untilExited(core: Core, id: string): Promise<void> {
  await core.containers.until(id, ({ exit }) => exit !== undefined);
}

/** Expects a call to fail with this category, and gives its message. */
export async function failure(call: Promise<unknown>, code: CriErrorCode): Promise<string> {
  const error = await call.then(
    () => expect.fail(`want ${code}, but the call succeeded`),
    (reason: unknown) => ConnectError.from(reason),
  );
  expect({ code: error.code, message: error.rawMessage }).toMatchObject({ code: grpcStatus[code] });
  return error.rawMessage;
}
