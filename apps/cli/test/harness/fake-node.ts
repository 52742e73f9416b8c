// A simulated node with a temporary folder of its own, which is also the TMPDIR of the commands that use it.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { type FakeRuntime, type FakeRuntimeOptions, startFakeRuntime } from "@keelson/fake-runtime";
import { expect } from "vitest";
import {
  createFaults,
  createMemoryStore,
  createSimulatedWorld,
  type Faults,
  type Script,
  type SimulatedWorld,
} from "../../../../packages/runtime-core/src/sim/index.ts";
import { type Ending, type Keelson, type KeelsonOptions, keelson, startKeelson } from "./keelson.ts";

export class FakeNode {
  readonly endpoint: string;
  readonly folder: string;
  readonly faults: Faults = createFaults();
  readonly world: SimulatedWorld = createSimulatedWorld();
  readonly #options: FakeRuntimeOptions;
  readonly #store = { ...createMemoryStore(), close: async (): Promise<void> => undefined };
  #fake: FakeRuntime | undefined;

  constructor(folder: string, options: FakeRuntimeOptions) {
    this.folder = folder;
    this.endpoint = `unix://${join(folder, "cri.sock")}`;
    const { endpoint, world, faults } = this;
    this.#options = { ...options, endpoint, world, faults };
  }

  async start(): Promise<void> {
    this.#fake = await startFakeRuntime({ ...this.#options, store: this.#store });
  }

  /** Its world and its records stay for the next start. */
  async stop(): Promise<void> {
    await this.#fake?.close();
  }

  get env(): Readonly<Record<string, string>> {
    return { CONTAINER_RUNTIME_ENDPOINT: this.endpoint, TMPDIR: this.folder };
  }

  keelson(...args: readonly string[]): Promise<Ending> {
    return keelson(args, { env: this.env });
  }

  startKeelson(args: readonly string[], options: KeelsonOptions = {}): Keelson {
    return startKeelson(args, { ...options, env: { ...this.env, ...options.env } });
  }

  connect(): Promise<CriConnection> {
    return connectCri({ runtimeEndpoint: this.endpoint });
  }

  /** No pod, no container, nothing that either held, and no file of a command. */
  async expectEmpty(): Promise<void> {
    await using cri = await this.connect();
    expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
    expect((await cri.runtime.listContainers({})).containers).toEqual([]);
    expect(this.world.leftovers()).toEqual([]);
    expect((await readdir(this.folder)).filter((name) => name.startsWith("keelson-"))).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.world.reboot();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A node with one image, `busybox`; containers named `main` (those of `keelson run`) do what the script says. */
export async function startFakeNode(
  main: NonNullable<Script["containers"]>[string] = {},
  options: FakeRuntimeOptions = {},
): Promise<FakeNode> {
  const script: Script = { images: ["docker.io/library/busybox:latest"], containers: { main } };
  const node = new FakeNode(await mkdtemp(join(tmpdir(), "keelson-cli-")), { script, ...options });
  await node.start();
  return node;
}
