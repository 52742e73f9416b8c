import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CriVersion } from "@keelson/cri-api/versions";
import { serveCri } from "@keelson/cri-server";
import { CleanupStack } from "@keelson/lifecycle";
import { createCore, createSystemClock, type Log, silentLog } from "@keelson/runtime-core";
import type { Clock, Engine, StateStore } from "@keelson/runtime-core/ports";
import {
  createMemoryStore,
  createSimulatedEngine,
  createSimulatedWorld,
  type Faults,
  type Script,
  type SimulatedWorld,
} from "@keelson/runtime-core/sim";
import { createLogFiles } from "./log-files.ts";

export interface FakeRuntimeOptions {
  /** Where it listens, `unix:///PATH`. Default: a socket in a fresh temporary folder, which goes with it. */
  readonly endpoint?: string;
  /** The versions of CRI that it serves; any other is answered UNIMPLEMENTED. Default: v1 and v1alpha2. */
  readonly versions?: readonly CriVersion[];
  /** Which images there are and what containers do. Default: the conformance suite's images; containers run until stopped. */
  readonly script?: Script;
  /** Default: the machine's. A test can move its own. */
  readonly clock?: Clock;
  /** Put in front of the path of every log file. Default: none. */
  readonly logRoot?: string;
  /** The runtime's own log. Default: none is written. */
  readonly log?: Log;
  /** Its records; closed with it. Default: fresh ones in memory. */
  readonly store?: StateStore;
  /** The simulated machine. Default: a fresh one, which goes down with the runtime. */
  readonly world?: SimulatedWorld;
  /** Puts something between the core and its engine. Default: nothing. */
  readonly wrapEngine?: (engine: Engine) => Engine;
  /** What fails or waits. Default: nothing. */
  readonly faults?: Faults;
  /** How long `close` waits for calls that run, in milliseconds; 0 cuts them off. Default 5,000. */
  readonly drainMs?: number;
}

/** A runtime without containers, listening. */
export interface FakeRuntime extends AsyncDisposable {
  /** What a client connects to. */
  readonly endpoint: string;
  /** Ends the runtime; its socket is gone. What ran in a world that the caller gave runs on. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a container runtime that speaks CRI and starts no process: containers are played from scripts. Needs no
 * privilege.
 * @throws INVALID_ARGUMENT for a script with mistakes; ALREADY_EXISTS when something listens at `endpoint`
 * @example
 * ```ts
 * await using fake = await startFakeRuntime({ script: { containers: { job: { exit: { code: 3, afterMs: 50 } } } } });
 * await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
 * ```
 */
export async function startFakeRuntime(options: FakeRuntimeOptions = {}): Promise<FakeRuntime> {
  const cleanup = new CleanupStack();
  try {
    return await start(options, cleanup);
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

async function start(options: FakeRuntimeOptions, cleanup: CleanupStack): Promise<FakeRuntime> {
  const { clock = createSystemClock(), log = silentLog, store = createMemoryStore() } = options;
  const world = options.world ?? createSimulatedWorld();
  if (options.world === undefined) cleanup.defer("machine", () => world.reboot());
  const engine = createSimulatedEngine({
    clock,
    world,
    logs: createLogFiles(options.logRoot === undefined ? {} : { root: options.logRoot }),
    onError: (error) => log.error("simulated machine", { error }),
    ...(options.script === undefined ? {} : { script: options.script }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
  });
  const core = createCore({
    engine: options.wrapEngine?.(engine) ?? engine,
    store,
    clock,
    log,
    runtimeVersion: await readVersion(),
  });
  cleanup.defer("core", () => core.close());
  await core.start();
  const endpoint = options.endpoint ?? `unix://${join(await makeFolder(cleanup), "cri.sock")}`;
  const server = await serveCri({
    endpoint,
    core,
    log,
    ...(options.versions === undefined ? {} : { versions: options.versions }),
    ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
  });
  cleanup.defer("server", () => server.close());
  const close = (): Promise<void> => cleanup.close();
  return { endpoint: server.endpoint, close, [Symbol.asyncDispose]: close };
}

async function makeFolder(cleanup: CleanupStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-fake-"));
  cleanup.defer("folder", () => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function readVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("the package's manifest has no version");
}
