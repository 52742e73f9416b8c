import { readFile } from "node:fs/promises";
import { serveCri } from "@keelson/cri-server";
import { CleanupStack } from "@keelson/lifecycle";
import { openLinuxEngine, openLogStore } from "@keelson/linux-engine";
import { createCore, createSystemClock, type Log } from "@keelson/runtime-core";
import type { Engine } from "@keelson/runtime-core/ports";
import type { Config } from "./config.ts";
import { parseListenAddress } from "./metrics/listen-address.ts";
import { MetricRegistry } from "./metrics/metric-registry.ts";
import { observeProcess } from "./metrics/observe-process.ts";
import { serveMetrics } from "./metrics/serve-metrics.ts";
import { openTracer } from "./trace/open-tracer.ts";

export interface KeelsondOptions {
  readonly config: Config;
  readonly log: Log;
  /** Puts something between the core and its engine. Default: nothing. */
  readonly wrapEngine?: (engine: Engine) => Engine;
}

/** A node runtime that listens. */
export interface Keelsond extends AsyncDisposable {
  readonly endpoint: string;
  /** Stops answering. Containers go on and are adopted by the next start. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the runtime: opens the engine and the records, adopts what runs, then listens.
 * @throws FAILED_PRECONDITION with a sentence on what the machine lacks; ALREADY_EXISTS when another one is running here
 */
export async function startKeelsond(options: KeelsondOptions): Promise<Keelsond> {
  const { config, log } = options;
  const cleanup = new CleanupStack();
  try {
    const began = performance.now();
    const version = await readVersion();
    const meter = new MetricRegistry();
    observeProcess(meter, version);
    const tracer = await openTracer(version);
    const address = parseListenAddress(config.metrics.listen);
    if (address !== undefined) {
      // before the records are compared: how that goes is seen, too
      const metrics = await serveMetrics({ ...address, registry: meter, log });
      cleanup.defer("metrics", () => metrics.close());
    }
    const engine = await openLinuxEngine({
      root: config.root,
      state: config.state,
      runtimes: config.runtimes,
      defaultRuntime: config.default_runtime,
      cgroupDriver: config.cgroup.driver,
      registryConfigPath: config.registry.config_path,
      pinnedImages: config.images.pinned,
      cni: { confDir: config.cni.conf_dir, binDirs: config.cni.bin_dirs },
      log,
      meter,
    });
    const store = await openLogStore(config.root);
    const core = createCore({
      engine: options.wrapEngine?.(engine) ?? engine,
      store,
      clock: createSystemClock(),
      log,
      meter,
      ...(tracer && { tracer }),
      runtimeVersion: version,
    });
    cleanup.defer("core", () => core.close());
    await core.start();
    const server = await serveCri({ endpoint: config.grpc.listen, core, versions: config.grpc.versions, log });
    cleanup.defer("server", () => server.close());
    log.info("ready", { ms: Math.round(performance.now() - began), root: config.root, state: config.state });
    const close = (): Promise<void> => cleanup.close();
    return { endpoint: server.endpoint, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await cleanup.close().catch((cleanup: unknown) => log.error("could not give everything back", { error: cleanup }));
    throw error;
  }
}

async function readVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return manifest.version;
}
