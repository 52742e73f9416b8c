// One of the two runtimes that are compared, on a node of its own. Images and paths of the host are the same for both.
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { NamespaceMode, type PodSandboxConfig } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { type ContainerOptions, containerConfig, exited, type Pod, podConfig } from "../harness/pods.ts";
import type { Images } from "./images.ts";

export interface Runtime {
  readonly cri: CriConnection;
  /** This runtime's own, for log files. */
  readonly folder: string;
  /** Ends it, waits for `meanwhile`, and starts it again. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
}

export interface Shared {
  readonly images: Images;
  /** `file`, `data/`, `link` to it, and `shared/`, a mount that is shared. */
  readonly host: string;
}

export interface PodWish {
  readonly network?: NamespaceMode;
  readonly pid?: NamespaceMode;
  readonly privileged?: boolean;
}

export class Side {
  readonly cri: CriConnection;
  readonly images: Images;
  readonly host: string;
  readonly #runtime: Runtime;
  readonly #pods = new Set<string>();

  constructor(runtime: Runtime, { images, host }: Shared) {
    this.cri = runtime.cri;
    this.images = images;
    this.host = host;
    this.#runtime = runtime;
  }

  async pod({ network, pid, privileged = false }: PodWish = {}): Promise<Pod> {
    const logDirectory = join(this.#runtime.folder, randomBytes(6).toString("hex"));
    await mkdir(logDirectory);
    const sandboxConfig: PodSandboxConfig = podConfig({ logDirectory, network: network ?? NamespaceMode.POD });
    const security = sandboxConfig.linux?.securityContext;
    if (security?.namespaceOptions !== undefined) {
      security.privileged = privileged;
      security.namespaceOptions.pid = pid ?? NamespaceMode.CONTAINER;
    }
    const { podSandboxId } = await this.cri.runtime.runPodSandbox({ config: sandboxConfig });
    this.#pods.add(podSandboxId);
    return { podSandboxId, sandboxConfig };
  }

  /** Removes all pods that were made so far. */
  async clear(): Promise<void> {
    for (const podSandboxId of this.#pods) {
      await this.cri.runtime.stopPodSandbox({ podSandboxId }).catch((error: unknown) => {
        if (!isCriError(error, "NOT_FOUND")) throw error; // 1.6 says so of what the scenario has removed
      });
      await this.cri.runtime.removePodSandbox({ podSandboxId });
      this.#pods.delete(podSandboxId);
    }
  }

  async create(pod: Pod, options: Partial<ContainerOptions> = {}): Promise<string> {
    const pid = pod.sandboxConfig.linux?.securityContext?.namespaceOptions?.pid ?? NamespaceMode.CONTAINER;
    const security = { namespaceOptions: { pid }, ...options.security };
    const config = containerConfig({ image: this.images.busybox, ...options, security });
    return (await this.cri.runtime.createContainer({ ...pod, config })).containerId;
  }

  async start(pod: Pod, options: Partial<ContainerOptions> = {}): Promise<string> {
    const containerId = await this.create(pod, options);
    await this.cri.runtime.startContainer({ containerId });
    return containerId;
  }

  /** Starts it and waits for its end. */
  async run(pod: Pod, options: Partial<ContainerOptions>): Promise<string> {
    const containerId = await this.start(pod, options);
    await exited(this.cri, containerId);
    return containerId;
  }

  /** A start that fails: both keep the container, with what became of it. */
  async failToStart(pod: Pod, options: Partial<ContainerOptions>): Promise<string> {
    const containerId = await this.create(pod, options);
    const started = await this.cri.runtime.startContainer({ containerId }).then(
      () => true,
      () => false,
    );
    if (started) throw new Error(`container ${containerId} was started, want a failure`);
    return containerId;
  }

  restart(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    return this.#runtime.restart(meanwhile);
  }
}
