// A node whose runtime can be replaced under its clients: one socket, and behind it one containerd after the other.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriError, isCriError } from "@keelson/cri-api/errors";
import { type ConnectOptions, type CriConnection, connectCri } from "@keelson/cri-client";
import { CleanupStack } from "../../../../lifecycle/src/index.ts";
import { type Containerd, startContainerd } from "./containerd.ts";
import { peerOf, type Suite } from "./peers.ts";
import { makePodCgroup } from "./pod-cgroup.ts";
import { openTestImages, type TestImages } from "./test-images.ts";
import { endTraces, removeSharedFolders } from "./traces.ts";
import { until } from "./until.ts";

export interface StartOptions {
  /** Which root and state it works on; default one of the suite's own. The same name: the same pods. */
  readonly store?: string;
  /** Default true. */
  readonly cri?: boolean;
}

export interface PeerNodeOptions {
  /** Hears what containerd has left behind and what has been ended therefore. Default: it is a failure. */
  readonly onTraces?: (left: readonly string[]) => void;
}

/** All below one temporary folder; nothing runs yet. */
export async function openPeerNode(options: PeerNodeOptions = {}): Promise<PeerNode> {
  const cleanup = new CleanupStack();
  try {
    cleanup.defer("containerd's folders", removeSharedFolders);
    const folder = await mkdtemp(join(tmpdir(), "keelson-peers-"));
    cleanup.defer("folder", () => rm(folder, { recursive: true, force: true }));
    const cgroup = await makePodCgroup();
    cleanup.defer("cgroup", () => cgroup.close());
    const images = await openTestImages();
    cleanup.defer("images", () => images.close());
    cleanup.defer("traces", async () => {
      const left = await endTraces(folder, cgroup);
      if (left.length > 0) (options.onTraces ?? failForTraces)(left);
    });
    return new PeerNode({ folder, images, cgroupParent: cgroup.path, cleanup });
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

function failForTraces(left: readonly string[]): never {
  throw new Error(`left behind:\n${left.join("\n")}`);
}

interface Parts {
  readonly folder: string;
  readonly images: TestImages;
  readonly cgroupParent: string;
  readonly cleanup: CleanupStack;
}

export class PeerNode implements AsyncDisposable {
  readonly images: TestImages;
  /** For `cgroup_parent`. */
  readonly cgroupParent: string;
  readonly #folder: string;
  readonly #cleanup: CleanupStack;
  /** Each store with the suite that used it last. */
  readonly #stores = new Map<string, Suite>();
  #containerd: Containerd | undefined;

  constructor({ folder, images, cgroupParent, cleanup }: Parts) {
    this.#folder = folder;
    this.images = images;
    this.cgroupParent = cgroupParent;
    this.#cleanup = cleanup;
    cleanup.defer("pods", () => this.#removePods());
  }

  get endpoint(): string {
    return `unix://${this.path("cri.sock")}`;
  }

  /** A place of the node's own. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Writes a file of the node's own. @returns its path */
  async file(name: string, text: string): Promise<string> {
    await writeFile(this.path(name), text);
    return this.path(name);
  }

  /** Starts the suite's containerd on the socket, after the end of the one that runs there; pods are left alone. */
  async start(suite: Suite, options: StartOptions = {}): Promise<void> {
    await this.stop();
    const { store = suite, cri = true } = options;
    this.#stores.set(store, suite);
    this.#containerd = await startContainerd({
      peer: peerOf(suite),
      socket: this.path("cri.sock"),
      folder: this.path(store),
      pauseImage: this.images.pause,
      cri,
    });
    if (cri) await this.#answering(this.#containerd);
  }

  /** Ends containerd and waits for its end; what it runs goes on. Idempotent. */
  async stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#containerd?.stop(signal);
    this.#containerd = undefined;
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<CriConnection> {
    return connectCri({ runtimeEndpoint: this.endpoint, ...options });
  }

  /** Removes all pods of every store, ends everything, and fails when something was left behind. */
  close(): Promise<void> {
    return this.#cleanup.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #removePods(): Promise<void> {
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

  /** The socket is there before the CRI plugin answers everything. */
  async #answering(containerd: Containerd): Promise<void> {
    let last: CriError | undefined;
    const answers = async (): Promise<boolean> => {
      try {
        (await this.connect()).close();
        return true;
      } catch (error) {
        if (!isCriError(error)) throw error;
        last = error;
        return false;
      }
    };
    await until("CRI answers", 20_000, answers).catch(async (cause: unknown) => {
      throw new Error(`CRI does not answer, ${last?.message}:\n${await containerd.logEnd()}`, { cause });
    });
  }
}
