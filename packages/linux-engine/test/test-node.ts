import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { parseLogLine } from "@keelson/cri-api/logs";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  NamespaceMode,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import type {
  ContainerExit,
  ContainerRecord,
  Engine,
  Journal,
  Json,
  Reconciled,
  SandboxRecord,
  StepRecord,
  Task,
} from "@keelson/runtime-core/ports";
import { composeLinuxEngine } from "../src/engine.ts";
import type { EngineLog } from "../src/log.ts";
import { ownPrefix } from "../src/sandbox/sandbox-paths.ts";
import { makeBusyboxRootfs, makeTestFolder } from "./busybox-bundle.ts";
import { folderImageId, folderImages } from "./folder-images.ts";
import { removeTestCgroups } from "./test-cgroups.ts";
import { until } from "./until.ts";

/**
 * A node of its own for one test: folders, records as a core would keep them, and an engine that can be closed and opened
 * again. Pods are in the host's network.
 */
export class TestNode {
  readonly folder: string;
  readonly root: string;
  readonly state: string;
  readonly layer: string;
  readonly messages: { readonly message: string; readonly fields: unknown }[] = [];
  readonly containers = new Map<string, ContainerRecord>();
  readonly sandboxes = new Map<string, SandboxRecord>();
  readonly exits = new Map<string, ContainerExit>();
  #waiting = new Map<string, (exit: ContainerExit) => void>();
  #engine: Engine | undefined;

  constructor(folders: { readonly root?: string; readonly state?: string } = {}) {
    this.folder = makeTestFolder();
    this.root = folders.root ?? join(this.folder, "root");
    this.state = folders.state ?? join(this.folder, "state");
    this.layer = makeBusyboxRootfs(this.folder);
    mkdirSync(join(this.folder, "cni"));
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error("the test's engine is not open");
    return this.#engine;
  }

  /** Begins a life of the engine with the records of the last one. */
  async open(): Promise<Reconciled> {
    const write = (message: string, fields?: unknown) => void this.messages.push({ message, fields });
    const log: EngineLog = { debug: write, info: write, warn: write, error: write };
    this.#engine = await composeLinuxEngine(
      {
        root: this.root,
        state: this.state,
        runtimes: {},
        defaultRuntime: "",
        cgroupDriver: "cgroupfs",
        registryConfigPath: join(this.folder, "certs.d"),
        cni: { confDir: join(this.folder, "cni"), binDirs: ["/usr/lib/cni"] },
        log,
      },
      async ({ root }) => folderImages(this.layer, root),
    );
    return await this.#engine.reconcile(
      {
        sandboxes: [...this.sandboxes.values()].map((record) => ({ record, journal: this.journal(record.id) })),
        containers: [...this.containers.values()].map((record) => ({ record, journal: this.journal(record.id) })),
      },
      {
        containerExited: async (id, exit) => {
          if (this.exits.has(id)) throw new Error(`the end of ${id} was told twice`);
          this.#change(this.containers, id, { exit });
          this.exits.set(id, exit);
          this.#waiting.get(id)?.(exit);
        },
        sandboxLost: async (id, why) => this.#change(this.sandboxes, id, { lost: why }),
      },
    );
  }

  async closeEngine(): Promise<void> {
    await this.#engine?.close();
    this.#engine = undefined;
  }

  /** Ends and removes everything. */
  async close(): Promise<void> {
    if (this.#engine === undefined) await this.open();
    for (const id of [...this.containers.keys()]) await this.remove(id);
    for (const id of [...this.sandboxes.keys()]) {
      await this.engine.sandboxes.stop(this.sandbox(id), this.journal(id));
      await this.engine.sandboxes.remove(this.sandbox(id), this.journal(id));
    }
    await this.closeEngine();
    removeTestCgroups(`/${ownPrefix(this.root)}`);
    rmSync(this.folder, { recursive: true });
  }

  async runSandbox(): Promise<SandboxRecord> {
    const id = newId();
    const config = create(PodSandboxConfigSchema, {
      metadata: { name: "pod", uid: id, namespace: "test", attempt: 0 },
      logDirectory: join(this.folder, "logs"),
      linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } } },
    });
    const record: SandboxRecord = { id, config, runtimeHandler: "", createdAtNs: nowNs(), steps: [] };
    this.sandboxes.set(id, record);
    this.engine.sandboxes.admit(config, "");
    const facts = await this.engine.sandboxes.create(record, this.journal(id), task);
    this.#change(this.sandboxes, id, { facts });
    return this.sandbox(id);
  }

  async create(
    sandbox: SandboxRecord,
    script: string | readonly string[],
    change: (config: ContainerConfig) => void = () => {},
  ): Promise<string> {
    const id = newId();
    const config = create(ContainerConfigSchema, {
      metadata: { name: "c", attempt: 0 },
      image: { image: "test" },
      command: typeof script === "string" ? ["/bin/sh", "-c", script] : [...script],
      logPath: `c/${id}.log`,
      linux: {
        securityContext: { namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } },
      },
    });
    change(config);
    const logPath = config.logPath === "" ? "" : join(sandbox.config.logDirectory, config.logPath);
    const record: ContainerRecord = {
      id,
      sandboxId: sandbox.id,
      config,
      createdAtNs: nowNs(),
      image: { id: folderImageId, ref: folderImageId },
      logPath,
      steps: [],
    };
    this.containers.set(id, record);
    try {
      this.engine.containers.admit(config, sandbox);
      const facts = await this.engine.containers.create(record, sandbox, this.journal(id), task);
      this.#change(this.containers, id, { facts });
    } catch (error) {
      this.containers.delete(id);
      throw error;
    }
    return id;
  }

  async start(id: string): Promise<void> {
    const record = this.container(id);
    const started = await this.engine.containers.start(record, this.sandbox(record.sandboxId), this.journal(id), task);
    this.#change(this.containers, id, { started });
  }

  /** Creates and starts. */
  async run(
    sandbox: SandboxRecord,
    script: string,
    change: (config: ContainerConfig) => void = () => {},
  ): Promise<string> {
    const id = await this.create(sandbox, script, change);
    await this.start(id);
    return id;
  }

  async remove(id: string): Promise<void> {
    const record = this.container(id);
    if (record.started !== undefined && record.exit === undefined) {
      const end = this.exit(id);
      await this.engine.containers.signal(record, "kill");
      await end;
    }
    await this.engine.containers.remove(this.container(id), this.journal(id));
    this.containers.delete(id);
  }

  /** Waits for the end of a container. */
  exit(id: string): Promise<ContainerExit> {
    const known = this.exits.get(id);
    return known === undefined ? new Promise((resolve) => this.#waiting.set(id, resolve)) : Promise.resolve(known);
  }

  exec(id: string, command: readonly string[], timeoutMs?: number) {
    return this.engine.containers.exec(this.container(id), {
      command,
      timeoutMs,
      signal: new AbortController().signal,
    });
  }

  container(id: string): ContainerRecord {
    return found(this.containers, id);
  }

  sandbox(id: string): SandboxRecord {
    return found(this.sandboxes, id);
  }

  /** The lines of a container's log, `STREAM TEXT` each. */
  log(id: string): readonly string[] {
    const path = this.container(id).logPath;
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((line) => {
      const entry = parseLogLine(line);
      if (entry === undefined) throw new Error(`not a log line: ${line}`);
      return `${entry.stream} ${entry.text}`;
    });
  }

  /** Waits until the log has a line. */
  async untilLogged(id: string, line: string): Promise<void> {
    await until(() => this.log(id).includes(line));
  }

  /** The journal of a record, as a core writes it. */
  journal(id: string): Journal {
    const map = (this.containers.has(id) ? this.containers : this.sandboxes) as Map<
      string,
      { steps: readonly StepRecord[] }
    >;
    const change = async (run: (steps: readonly StepRecord[]) => readonly StepRecord[]): Promise<void> => {
      const record = found(map, id);
      map.set(id, { ...record, steps: run(record.steps) });
    };
    return {
      get steps() {
        return found(map, id).steps;
      },
      plan: (name, plan: Json) =>
        change((steps) => [...steps, JSON.parse(JSON.stringify({ name, plan })) as StepRecord]),
      facts: (name, facts: Json) =>
        change((steps) => steps.map((one) => (one.name === name ? { ...one, facts } : one))),
      forget: (name) => change((steps) => steps.filter((one) => one.name !== name)),
      flush: async () => {},
    };
  }

  /** Puts a change into a record, as a core does; also for tests that fake what an earlier life left. */
  change(id: string, part: Partial<ContainerRecord>): void {
    this.#change(this.containers, id, part);
  }

  #change<R>(records: Map<string, R>, id: string, part: Partial<R>): void {
    const record = records.get(id);
    if (record !== undefined) records.set(id, { ...record, ...part });
  }
}

/** An operation that nobody cancels. */
export const task: Task = { signal: new AbortController().signal, stage: () => {} };

function found<R>(records: ReadonlyMap<string, R>, id: string): R {
  const record = records.get(id);
  if (record === undefined) throw new Error(`there is no record of ${id}`);
  return record;
}

function newId(): string {
  return randomBytes(32).toString("hex");
}

function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
