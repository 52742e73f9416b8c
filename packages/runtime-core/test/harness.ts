import { create } from "@bufbuild/protobuf";
import { type Client, createClient, createRouterTransport } from "@connectrpc/connect";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type ImageService,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  type RuntimeService,
} from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { type Core, createCore } from "../src/core.ts";
import type { Log, LogFields } from "../src/log.ts";
import { registerCri } from "../src/router.ts";
import { ManualClock } from "./manual-clock.ts";
import { ScriptedEngine } from "./scripted-engine.ts";
import { TestStore } from "./test-store.ts";

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: LogFields;
}

export interface Harness {
  readonly core: Core;
  readonly engine: ScriptedEngine;
  readonly store: TestStore;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
}

/** A core over a scripted engine, called through a Connect router in memory. */
export async function openHarness(
  options: { store?: TestStore; engine?: ScriptedEngine; clock?: ManualClock; version?: CriVersion } = {},
): Promise<Harness> {
  const { store = new TestStore(), engine = new ScriptedEngine(), clock = new ManualClock(), version = "v1" } = options;
  const lines: LogLine[] = [];
  const write =
    (level: keyof Log) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  const log: Log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  engine.addImage("busybox");
  const core = createCore({ engine, store, clock, log, runtimeVersion: "1.2.3" });
  await core.start();
  const transport = createRouterTransport((router) => registerCri(router, core));
  const { runtime, image } = criServices[version];
  return {
    core,
    engine,
    store,
    clock,
    lines,
    runtime: createClient(runtime, transport),
    images: createClient(image, transport),
  };
}

export function podConfig(name = "pod", more: Partial<Omit<PodSandboxConfig, "$typeName">> = {}): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name, namespace: "default", uid: `uid-${name}`, attempt: 0 },
    logDirectory: `/var/log/pods/${name}`,
    ...more,
  });
}

export function containerConfig(
  name = "main",
  more: Partial<Omit<ContainerConfig, "$typeName">> = {},
): ContainerConfig {
  return create(ContainerConfigSchema, {
    metadata: { name, attempt: 0 },
    image: { image: "busybox" },
    logPath: `${name}/0.log`,
    ...more,
  });
}

/** A point where an engine waits until the test lets it go on; it also goes on when its task is aborted. */
export class Gate {
  readonly #open = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<string>();

  readonly hook = async (id: string, task?: { readonly signal: AbortSignal }): Promise<void> => {
    this.#reached.resolve(id);
    const aborted = new Promise<never>((_, reject) => {
      const signal = task?.signal;
      if (signal?.aborted === true) reject(signal.reason);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#open.promise, aborted]);
  };

  /** The ID with which the engine came first. */
  get reached(): Promise<string> {
    return this.#reached.promise;
  }

  open(): void {
    this.#open.resolve();
  }
}

/** Lets everything run that can run without time, I/O or a gate. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
}
