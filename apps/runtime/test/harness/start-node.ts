// A node of its own for one test file: keelsond as a process, a real registry, a CNI network, all below one temporary
// folder. `close()` gives everything back and fails when something was left.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { type BuiltImage, busyboxImage, pushImage } from "@keelson/image-store/build";
import { parseReference } from "@keelson/image-store/reference";
import { CleanupStack } from "@keelson/lifecycle";
import { type DockerRegistry, startDockerRegistry } from "../../../../packages/image-store/test/docker-registry.ts";

const run = promisify(execFile);
/** It waits 5 s for calls and 10 s for what is under way. */
const longestStopMs = 60_000;
const keelsond = join(import.meta.dirname, "../../../../bin/keelsond");

export interface NodeOptions {
  /** More TOML for the configuration file; a function gets the registry's host. */
  readonly config?: string | ((registry: string) => string);
  /** Put in front of the bridge plugin's folder: CNI plugins of the test's own. */
  readonly pluginFolder?: string;
  /** Started instead of bin/keelsond: the entry of a program that takes the same flags. */
  readonly entry?: string;
  /** The `plugins` of the conflist; default a bridge with host-local addresses. */
  readonly plugins?: (bridge: Readonly<Record<string, unknown>>) => readonly unknown[];
}

export class TestNode {
  readonly folder: string;
  readonly registry: DockerRegistry;
  readonly endpoint: string;
  readonly bridge: string;
  /** All that keelsond wrote, a line each, over all of its lives. */
  readonly log: string[] = [];
  readonly #cleanup: CleanupStack = new CleanupStack();
  #daemon: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  readonly #entry: string | undefined;

  constructor(folder: string, registry: DockerRegistry, bridge: string, entry?: string) {
    this.#entry = entry;
    this.folder = folder;
    this.registry = registry;
    this.bridge = bridge;
    this.endpoint = `unix://${join(folder, "run", "keelsond.sock")}`;
    this.#cleanup.defer("folder", () => rm(folder, { recursive: true, force: true }));
    this.#cleanup.defer("registry", () => registry.close());
    this.#cleanup.defer("bridge", async () => {
      const links = await readFile("/proc/net/dev", "utf8");
      if (links.includes(`${bridge}:`)) await run("busybox", ["ip", "link", "delete", bridge]);
    });
  }

  get root(): string {
    return join(this.folder, "root");
  }

  get state(): string {
    return join(this.folder, "state");
  }

  /** keelsond's process ID while it runs. */
  get pid(): number {
    const pid = this.#daemon?.pid;
    if (pid === undefined) throw new Error("keelsond does not run");
    return pid;
  }

  /** Starts keelsond and waits until it listens. */
  async start(): Promise<void> {
    const child = spawn(
      this.#entry === undefined ? keelsond : process.execPath,
      [
        ...(this.#entry === undefined ? [] : [this.#entry]),
        "--config",
        join(this.folder, "config.toml"),
        "--listen",
        this.endpoint,
        "--root",
        this.root,
        "--state",
        this.state,
      ],
      { stdio: ["ignore", "ignore", "pipe"], env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } },
    );
    this.#daemon = child;
    this.#ended = once(child, "close");
    const listening = Promise.withResolvers<void>();
    const began = this.log.length;
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.log.push(line);
      if (line.includes('"msg":"listening"')) listening.resolve();
    });
    void this.#ended.then(() =>
      listening.reject(new Error(`keelsond ended:\n${this.log.slice(began).slice(-20).join("\n")}`)),
    );
    await listening.promise;
    this.#checkRuntime(began);
  }

  /** A run that is meant for one OCI runtime must not test another one unnoticed. */
  #checkRuntime(began: number): void {
    const wanted = process.env.KEELSON_TEST_OCI_RUNTIME;
    if (wanted === undefined) return;
    const chosen = this.log.slice(began).find((line) => line.includes("OCI runtime chosen")) ?? "none is logged";
    if (!chosen.includes(`/${wanted}"`)) throw new Error(`want OCI runtime ${wanted}, got: ${chosen}`);
  }

  /** Ends keelsond and waits for its end; SIGKILL is the crash. @throws with the end of its log when it does not end */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    daemon?.kill(signal);
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      daemon?.kill("SIGKILL");
    }, longestStopMs);
    await this.#ended;
    clearTimeout(timer);
    this.#daemon = undefined;
    if (overdue) throw new Error(`keelsond did not end by ${signal}:\n${this.log.slice(-20).join("\n")}`);
  }

  connect(): Promise<CriConnection> {
    // keelsond's own guard is what these tests look at
    return connectCri({ runtimeEndpoint: this.endpoint, onUnsupportedField: "send" });
  }

  /** Fills the registry. @returns the reference to pull: `127.0.0.1:PORT/NAME` */
  async push(name: string, image: BuiltImage = busyboxImage()): Promise<string> {
    const reference = `${this.registry.host}/${name}`;
    await pushImage(image, { registry: this.registry.url, reference: parseReference(reference) });
    return reference;
  }

  /** Removes all pods and images, ends everything, and fails when mounts or conmons of this node are left. */
  async close(): Promise<void> {
    const left: string[] = [];
    const failures: unknown[] = [];
    try {
      if (this.#daemon === undefined) await this.start();
      const cri = await this.connect();
      for (const pod of (await cri.runtime.listPodSandbox({})).items) {
        await cri.runtime.stopPodSandbox({ podSandboxId: pod.id });
        await cri.runtime.removePodSandbox({ podSandboxId: pod.id });
      }
      cri.close();
      await this.stop();
      const mounts = await readFile("/proc/self/mountinfo", "utf8");
      left.push(...mounts.split("\n").filter((line) => line.includes(this.folder)));
      left.push(...(await commandsNaming(this.folder)));
    } catch (error) {
      failures.push(error);
    }
    if (this.#daemon !== undefined) await this.stop("SIGKILL");
    await this.#cleanup.close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) {
      const told = failures.map((one) => (one instanceof Error ? one.message : String(one)));
      throw new AggregateError(failures, [...told, ...this.log.slice(-20)].join("\n"));
    }
    if (left.length > 0) throw new Error(`left behind:\n${left.join("\n")}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Command lines of running processes that name the folder. */
export async function commandsNaming(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  // a process may end between the two
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines
    .map((line) => line.replaceAll("\0", " "))
    .filter((line) => line.includes(folder) && !line.includes("docker-registry"));
}

/** Prepares a node; keelsond is not started yet. */
export async function createNode(options: NodeOptions = {}): Promise<TestNode> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-node-"));
  const registry = await startDockerRegistry();
  const random = randomBytes(3);
  const node = new TestNode(folder, registry, `kt${random.toString("hex")}`, options.entry);
  const bridge = {
    type: "bridge",
    bridge: node.bridge,
    isGateway: true,
    ipam: {
      type: "host-local",
      dataDir: join(folder, "leases"),
      ranges: [[{ subnet: `10.${100 + (random.readUInt8(0) % 100)}.${random.readUInt8(1)}.0/24` }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
  const hosts = join(folder, "certs.d", registry.host);
  await mkdir(hosts, { recursive: true });
  await writeFile(
    join(hosts, "hosts.toml"),
    `server = "${registry.url}"\n[host."${registry.url}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  await mkdir(join(folder, "net.d"));
  await writeFile(
    join(folder, "net.d", "10-test.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: "test", plugins: options.plugins?.(bridge) ?? [bridge] }),
  );
  const binDirs = [
    ...(options.pluginFolder === undefined ? [] : [options.pluginFolder]),
    "/opt/cni/bin",
    "/usr/lib/cni",
  ];
  await writeFile(
    join(folder, "config.toml"),
    [
      `[registry]\nconfig_path = ${JSON.stringify(join(folder, "certs.d"))}`,
      `[cni]\nconf_dir = ${JSON.stringify(join(folder, "net.d"))}\nbin_dirs = ${JSON.stringify(binDirs)}`,
      typeof options.config === "function" ? options.config(registry.host) : (options.config ?? ""),
    ].join("\n"),
  );
  return node;
}

/** A node with keelsond running. */
export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const node = await createNode(options);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.close().catch(() => undefined);
    throw error;
  }
}
