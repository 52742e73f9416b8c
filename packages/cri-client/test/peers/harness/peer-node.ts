// A node whose runtime can be replaced under its clients: one socket, and behind it one containerd after the other.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriError, isCriError } from "@keelson/cri-api/errors";
import { type ConnectOptions, type CriConnection, connectCri } from "@keelson/cri-client";
import { keepContainerdPlaces } from "../../../../../bench/pod-network.ts";
import { CleanupStack } from "../../../../lifecycle/src/index.ts";
import { type Containerd, startContainerd } from "./containerd.ts";
import { peerOf, type Suite } from "./peers.ts";
import { makePodCgroup } from "./pod-cgroup.ts";
import { openTestImages, type TestImages } from "./test-images.ts";
import { until } from "./until.ts";

export interface StartOptions {
  /** Which root and state it works on; default one of the suite's own. The same name: the same pods. */
  readonly store?: string;
  /** Default true. */
  readonly cri?: boolean;
}

export interface PeerNode extends AsyncDisposable {
  readonly endpoint: string;
  readonly images: TestImages;
  /** For `log_directory`. */
  readonly logs: string;
  /** For `cgroup_parent`. */
  readonly cgroupParent: string;
  /** Writes a file of the node's own. @returns its path */
  file(name: string, text: string): Promise<string>;
  /** Starts the suite's containerd on the socket, after the end of the one that runs there; pods are left alone. */
  start(suite: Suite, options?: StartOptions): Promise<void>;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  connect(options?: Partial<ConnectOptions>): Promise<CriConnection>;
  /** Removes all pods of every store, ends everything, and fails when something is left. */
  close(): Promise<void>;
}

export async function openPeerNode(): Promise<PeerNode> {
  const cleanup = new CleanupStack();
  try {
    cleanup.defer("containerd's places", keepContainerdPlaces());
    const folder = await mkdtemp(join(tmpdir(), "keelson-peers-"));
    cleanup.defer("folder", () => rm(folder, { recursive: true, force: true }));
    const cgroup = await makePodCgroup();
    cleanup.defer("cgroup", () => cgroup.close());
    const images = await openTestImages();
    cleanup.defer("images", () => images.close());
    const node = new RunningNode(folder, images, cgroup.path);
    cleanup.defer("traces", () => node.checkTraces());
    cleanup.defer("containerd", () => node.removePods());
    const close = (): Promise<void> => cleanup.close();
    return Object.assign(node, { close, [Symbol.asyncDispose]: close });
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

class RunningNode {
  readonly endpoint: string;
  readonly images: TestImages;
  readonly logs: string;
  readonly cgroupParent: string;
  readonly #folder: string;
  /** Each store with the suite that wrote to it last. */
  readonly #stores = new Map<string, Suite>();
  #containerd: Containerd | undefined;

  constructor(folder: string, images: TestImages, cgroupParent: string) {
    this.#folder = folder;
    this.endpoint = `unix://${join(folder, "cri.sock")}`;
    this.logs = join(folder, "logs");
    this.images = images;
    this.cgroupParent = cgroupParent;
  }

  async file(name: string, text: string): Promise<string> {
    const path = join(this.#folder, name);
    await writeFile(path, text);
    return path;
  }

  async start(suite: Suite, options: StartOptions = {}): Promise<void> {
    await this.stop();
    const { store = suite, cri = true } = options;
    this.#stores.set(store, suite);
    this.#containerd = await startContainerd({
      peer: peerOf(suite),
      socket: join(this.#folder, "cri.sock"),
      folder: join(this.#folder, store),
      pauseImage: this.images.pause,
      cri,
    });
    if (cri) await this.#answering();
  }

  async stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#containerd?.stop(signal);
    this.#containerd = undefined;
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<CriConnection> {
    return connectCri({ runtimeEndpoint: this.endpoint, ...options });
  }

  async removePods(): Promise<void> {
    try {
      for (const [store, suite] of this.#stores) {
        await this.start(suite, { store });
        await using cri = await this.connect();
        for (const { id } of (await cri.runtime.listPodSandbox({})).items) {
          await cri.runtime.stopPodSandbox({ podSandboxId: id });
          await cri.runtime.removePodSandbox({ podSandboxId: id });
        }
      }
    } finally {
      await this.stop();
    }
  }

  /** A shim ends some time after its pod. */
  async checkTraces(): Promise<void> {
    let left: readonly string[] = [];
    await until("nothing is left", 10_000, async () => {
      left = [...(await this.#mounts()), ...(await this.#processes())];
      return left.length === 0;
    }).catch((cause: unknown) => {
      throw new Error(`left behind:\n${left.join("\n")}`, { cause });
    });
  }

  async #mounts(): Promise<readonly string[]> {
    const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
    return lines.filter((line) => line.includes(this.#folder));
  }

  async #processes(): Promise<readonly string[]> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    // it may end meanwhile
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
    return lines.filter((line) => line.includes(this.#folder)).map((line) => line.replaceAll("\0", " "));
  }

  /** The socket is there before the CRI plugin answers everything. */
  async #answering(): Promise<void> {
    let last: CriError | undefined;
    await until("CRI answers", 20_000, async () => {
      try {
        (await this.connect()).close();
        return true;
      } catch (error) {
        if (!isCriError(error)) throw error;
        last = error;
        return false;
      }
    }).catch(async (cause: unknown) => {
      throw new Error(`CRI does not answer, ${last?.message}:\n${await this.#containerd?.logEnd()}`, { cause });
    });
  }
}
