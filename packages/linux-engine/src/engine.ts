import { existsSync } from "node:fs";
import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { CleanupStack } from "@keelson/lifecycle";
import type {
  ContainerEngine,
  Engine,
  ImageEngine,
  Meter,
  SandboxEngine,
  SandboxRecord,
} from "@keelson/runtime-core/ports";
import { linuxContainers } from "./container/container-engine.ts";
import { containerPaths } from "./container/container-paths.ts";
import type { ContainerDeps, ContainerSnapshots, ImageHolds } from "./container/container-tools.ts";
import { HostPaths } from "./container/host-paths.ts";
import { RunningContainers } from "./container/running-containers.ts";
import { readBootId } from "./host/boot.ts";
import { type CgroupLayout, readCgroupLayout } from "./host/cgroup-layout.ts";
import { readHostFacts } from "./host/read-host-facts.ts";
import type { EngineLog } from "./log.ts";
import { createCniNetwork } from "./network/cni/index.ts";
import { createNodeEngine } from "./node/node-engine.ts";
import type { ConmonOptions } from "./oci/conmon.ts";
import { makeMonitorCgroup } from "./oci/monitor-cgroup.ts";
import { OciRuntime } from "./oci/oci-runtime.ts";
import { chooseRuntime, type ProbedRuntime, type ProbeOptions, probeRuntime } from "./oci/probe.ts";
import { removeProbeLeftovers } from "./oci/probe-container.ts";
import { reconcile } from "./reconcile.ts";
import { makeInitRootfs } from "./sandbox/init-rootfs.ts";
import { createSandboxEngine } from "./sandbox/sandbox-engine.ts";
import { recordedInit, sandboxParts } from "./sandbox/sandbox-parts.ts";
import { type EngineFolders, ownPrefix } from "./sandbox/sandbox-paths.ts";
import type { SandboxDeps } from "./sandbox/sandbox-tools.ts";
import { whyNotWhole } from "./sandbox/why-not-whole.ts";
import { SandboxWatch } from "./sandbox-watch.ts";
import type { CgroupDriver } from "./spec/index.ts";
import { createMetricsEngine } from "./stats/metrics-engine.ts";
import { createStatsEngine } from "./stats/stats-engine.ts";
import { WritableLayers } from "./stats/writable-layers.ts";
import { findProgram } from "./sys/find-program.ts";
import { belowFloors, readFloorFacts } from "./sys/floors.ts";
import { lockFile } from "./sys/lock.ts";
import { openNamespaces } from "./sys/namespaces.ts";
import { openProcess, type ProcessHandle } from "./sys/pidfd.ts";

export interface LinuxEngineOptions {
  /** Survives a reboot, such as `/var/lib/keelson`: records, images, snapshots. */
  readonly root: string;
  /** Does not survive a reboot, such as `/run/keelson`: mounts, sockets, pid files. */
  readonly state: string;
  /** Runtime handlers by name. */
  readonly runtimes: Readonly<Record<string, { readonly path: string }>>;
  /** The handler that pods without one get; "" takes the first of crun and runc that works here. */
  readonly defaultRuntime: string;
  /** "auto" is systemd where it is running and cgroups are v2. */
  readonly cgroupDriver: "auto" | CgroupDriver;
  /** The folder of `HOST/hosts.toml` files. */
  readonly registryConfigPath: string;
  /** Images that the kubelet must not collect, by reference or by the beginning of their names. Default: none. */
  readonly pinnedImages?: readonly string[];
  readonly cni: { readonly confDir: string; readonly binDirs: readonly string[] };
  /** Where network namespaces are pinned; default `/var/run/netns`. */
  readonly netnsFolder?: string;
  readonly log: EngineLog;
  /** Where the engine counts. Default: nowhere. */
  readonly meter?: Meter;
}

/** What the images of an engine are to its containers. */
export interface EngineImages {
  readonly engine: ImageEngine;
  readonly holds: ImageHolds;
  readonly snapshots: ContainerSnapshots;
  close(): Promise<void>;
}

/**
 * Opens the engine with images of the caller's: what {@link openLinuxEngine} does with its own.
 * @throws FAILED_PRECONDITION with a sentence on what the machine lacks, or when another engine uses the folders
 */
export async function composeLinuxEngine(
  options: LinuxEngineOptions,
  openImages: (options: LinuxEngineOptions) => Promise<EngineImages>,
): Promise<Engine> {
  const { log } = options;
  if (process.geteuid?.() !== 0) {
    throw failedPrecondition("start: want to be root", { hint: "mounts, namespaces and cgroups are root's" });
  }
  const below = belowFloors(await readFloorFacts());
  if (below.length > 0) throw failedPrecondition(`start: ${below.join("; ")}`, { hint: "install what is missing" });
  const cleanup = new CleanupStack();
  try {
    const folders = await ownFolders(options);
    for (const folder of [folders.root, folders.state]) {
      const lock = lockFile(join(folder, "lock"));
      cleanup.defer(`lock of ${folder}`, () => lock.release());
    }
    const layout = readCgroupLayout();
    const cgroups = { driver: chooseDriver(options.cgroupDriver, layout), prefix: ownPrefix(folders.root) };
    const probe = { folder: join(folders.root, "probe"), cacheFolder: folders.state, cgroups, log };
    await removeProbeLeftovers(probe);
    const { probed, refused } = await findHandlers(options, probe);
    const factsByHandler = new Map(
      [...probed].map(([handler, runtime]) => [handler, readHostFacts(layout, cgroups.driver, runtime)]),
    );
    // of a handler that is not configured any more nothing is known
    const facts = readHostFacts(layout, cgroups.driver, { recursiveReadOnlyMounts: false });
    const paths = containerPaths(folders.state);
    const initPaths = containerPaths(join(folders.state, "pod-inits"));
    for (const folder of [
      ...[paths.bundles, paths.roots, paths.images, paths.exits, paths.runtimes, paths.tmp],
      ...[initPaths.bundles, initPaths.exits, initPaths.runtimes],
    ]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    const network = createCniNetwork({ ...options.cni, cacheDir: join(folders.root, "cni") });
    const namespaces = await openNamespaces();
    cleanup.defer("namespaces", () => namespaces.close());
    const images = await openImages(options);
    cleanup.defer("images", () => images.close());
    const conmon: ConmonOptions = {
      path: needProgram("conmon"),
      exitFolder: paths.exits,
      tmpFolder: paths.tmp,
      cgroup: makeMonitorCgroup(layout, log),
    };
    const bootId = readBootId();
    const sandboxDeps: SandboxDeps = {
      folders,
      network,
      namespaces,
      cgroups,
      cgroupLayout: readCgroupLayout,
      init: {
        paths: initPaths,
        conmon: { ...conmon, exitFolder: initPaths.exits },
        runtimes: runtimesOf(probed, initPaths.runtimeState, cgroups.driver),
        facts,
        rootfs: await makeInitRootfs(folders.root),
        bootId,
      },
    };
    const containerDeps: ContainerDeps = {
      paths,
      conmon,
      runtimes: runtimesOf(probed, paths.runtimeState, cgroups.driver),
      cgroupLayout: readCgroupLayout,
      cgroupDriver: cgroups.driver,
      facts,
      factsOf: (handler) => factsByHandler.get(handler) ?? facts,
      images: images.holds,
      findImage: (image) => images.engine.resolve(image),
      hostPaths: new HostPaths(),
      snapshots: images.snapshots,
      sandboxParts: (sandbox) => sandboxParts(sandbox, folders, cgroups),
      allowedAnnotations: [],
      bootId,
      monitors: new Map(),
      log,
    };
    const running = new RunningContainers(containerDeps);
    cleanup.defer("running containers", () => running.close());
    const writableLayers = new WritableLayers({ snapshots: images.snapshots, log });
    cleanup.defer("measuring of writable layers", () => writableLayers.close());
    const watch = new SandboxWatch({ whyNotWhole: (record) => whyNotWhole(record, folders), processOf: openInit, log });
    cleanup.defer("watched sandboxes", () => watch.close());
    return {
      node: createNodeEngine({ network, runtimes: probed, refusedHandlers: refused, facts, layout, folders }),
      sandboxes: watchedSandboxes(
        createSandboxEngine({ ...sandboxDeps, facts, hasHandler: (name) => probed.has(name) }),
        watch,
      ),
      containers: measuredContainers(linuxContainers(containerDeps, running), writableLayers),
      images: images.engine,
      stats: createStatsEngine({ ...containerDeps, layout, namespaces, running, writableLayers }),
      metrics: createMetricsEngine({
        ...{ ...containerDeps, layout, namespaces, running, writableLayers },
        snapshotsRoot: images.snapshots.root,
      }),
      reconcile: async (found, observer) => {
        const verdicts = await reconcile(found, { containers: containerDeps, sandboxes: sandboxDeps, running, log });
        for (const { record } of found.sandboxes) {
          if (isReady(record) && verdicts.sandboxes.get(record.id)?.kind === "same") watch.add(record);
        }
        // Ends and losses are told when the caller has the verdicts.
        setImmediate(() => {
          running.observe(observer);
          watch.observe(observer);
        });
        return verdicts;
      },
      close: () => cleanup.close(),
    };
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

/** What is made is watched until it is stopped. */
function watchedSandboxes(sandboxes: SandboxEngine, watch: SandboxWatch): SandboxEngine {
  return {
    ...sandboxes,
    create: async (record, journal, task) => {
      const facts = await sandboxes.create(record, journal, task);
      watch.add({ ...record, steps: journal.steps });
      return facts;
    },
    stop: (record, journal, progress) => {
      watch.drop(record.id);
      return sandboxes.stop(record, journal, progress);
    },
    remove: (record, journal, progress) => {
      watch.drop(record.id);
      return sandboxes.remove(record, journal, progress);
    },
  };
}

/** What is removed is not measured any more. */
function measuredContainers(containers: ContainerEngine, layers: WritableLayers): ContainerEngine {
  return {
    ...containers,
    remove: async (record, journal, progress) => {
      await containers.remove(record, journal, progress);
      layers.forget(record.id);
    },
  };
}

/** The first process of a pod with shared process IDs. */
function openInit(record: SandboxRecord): ProcessHandle | undefined {
  const init = recordedInit(record)?.facts?.init;
  return init === undefined ? undefined : openProcess(init.pid, init.startTime);
}

function isReady({ facts, stoppedAtNs, lost, failed }: SandboxRecord): boolean {
  return facts !== undefined && stoppedAtNs === undefined && lost === undefined && failed === undefined;
}

/** Makes both folders, for root alone (THREATS T7.01). @throws FAILED_PRECONDITION when somebody else could write there */
async function ownFolders(options: LinuxEngineOptions): Promise<EngineFolders> {
  const { root, state, netnsFolder } = options;
  for (const folder of [root, state]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { uid } = await stat(folder);
    if (uid !== 0) throw failedPrecondition(`use folder ${quote(folder)}: it belongs to user ${uid}, want root`);
    await chmod(folder, 0o700);
  }
  return { root, state, ...(netnsFolder === undefined ? {} : { netnsFolder }) };
}

function chooseDriver(wanted: LinuxEngineOptions["cgroupDriver"], layout: CgroupLayout): CgroupDriver {
  if (wanted !== "auto") return wanted;
  return layout.version === 2 && existsSync("/run/systemd/system") ? "systemd" : "cgroupfs"; // sd_booted(3)
}

/** Tries the OCI runtime of every handler; one that does not work costs its handler, the default one the start. */
async function findHandlers(
  options: LinuxEngineOptions,
  probe: ProbeOptions,
): Promise<{ readonly probed: ReadonlyMap<string, ProbedRuntime>; readonly refused: readonly string[] }> {
  const { runtimes, defaultRuntime, log } = options;
  const candidates =
    defaultRuntime === ""
      ? ["crun", "runc"].flatMap((name) => findProgram(name) ?? [])
      : [runtimes[defaultRuntime]?.path ?? ""];
  const probed = new Map([["", await chooseRuntime(candidates, probe)]]);
  const refused: string[] = [];
  for (const [name, { path }] of Object.entries(runtimes)) {
    const result = await probeRuntime(path, probe);
    if (result.refused === undefined) {
      probed.set(name, result);
    } else {
      log.error("a runtime handler is not served", { handler: name, path, why: result.refused });
      refused.push(`${name}: ${path}: ${result.refused}`);
    }
  }
  return { probed, refused };
}

function runtimesOf(
  probed: ReadonlyMap<string, ProbedRuntime>,
  runtimeState: (path: string) => string,
  driver: CgroupDriver,
): ReadonlyMap<string, OciRuntime> {
  const open = (path: string): OciRuntime =>
    new OciRuntime({ path, stateFolder: runtimeState(path), systemdCgroup: driver === "systemd" });
  return new Map([...probed].map(([name, { path }]) => [name, open(path)]));
}

function needProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw failedPrecondition(`start: ${name} is not installed`);
  return path;
}
