import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { create, type DescMessage, equals, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type LinuxSandboxSecurityContextSchema,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  PodSandboxMetadataSchema,
  type PodSandboxStatus,
} from "@keelson/cri-api/v1";
import { fail } from "../assert/expect.ts";
import type { Target } from "../target.ts";
import type { Calls } from "./calls.ts";
import { Container, type ContainerOptions, containerConfig } from "./container.ts";

/** The fields of a message, without the message itself, so that they can be spread. */
export type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { readonly $typeName: string }>;

export interface PodOptions {
  readonly name?: string;
  /** `pod`: a network of its own, for cases that need `pod-network`. Default: the node's. */
  readonly network?: "pod" | "node";
  readonly attempt?: number;
  readonly security?: Fields<typeof LinuxSandboxSecurityContextSchema>;
  /** Laid over the configuration. */
  readonly config?: Fields<typeof PodSandboxConfigSchema>;
  readonly runtimeHandler?: string;
}

export interface PodParts {
  readonly cri: Calls;
  /** Calls that end with the clean-up instead of the case. */
  readonly sweeper: Calls;
  readonly target: Target;
  readonly logFolder: string;
  readonly signal: AbortSignal;
  readonly waitMs: number | undefined;
  readonly own: PodOptions & { readonly name: string };
}

/** A sandbox with its configuration. It runs from the first call that needs it on. */
export class Pod {
  readonly name: string;
  readonly config: PodSandboxConfig;
  readonly #parts: PodParts;
  readonly #ids = new Set<string>();
  #running: Promise<string> | undefined;
  #id: string | undefined;
  #containers = 0;

  constructor(parts: PodParts) {
    this.#parts = parts;
    this.name = parts.own.name;
    this.config = podConfig(parts);
  }

  /** Of the sandbox that runs. */
  get id(): string {
    if (this.#id === undefined) throw new Error("the pod does not run yet: await pod.run() first");
    return this.#id;
  }

  /** Runs the sandbox unless it runs. @returns its ID */
  run(): Promise<string> {
    this.#running ??= this.runAnew();
    return this.#running;
  }

  /** Asks for the sandbox, also when there is one already; `changes` are laid over the configuration. */
  async runAnew(changes: Fields<typeof PodSandboxConfigSchema> = {}): Promise<string> {
    await mkdir(this.config.logDirectory, { recursive: true });
    const { runtimeHandler = "" } = this.#parts.own;
    const { $typeName: _, ...asked } = this.config;
    const config = create(PodSandboxConfigSchema, { ...asked, ...changes });
    const { podSandboxId } = await this.#parts.cri.runPodSandbox({ config, runtimeHandler });
    this.#ids.add(podSandboxId);
    this.#id ??= podSandboxId;
    this.#running ??= Promise.resolve(podSandboxId);
    return podSandboxId;
  }

  async status(): Promise<PodSandboxStatus> {
    const { status } = await this.#parts.cri.podSandboxStatus({ podSandboxId: await this.run() });
    return status ?? fail("PodSandboxStatus has no status");
  }

  async stop(): Promise<void> {
    await this.#parts.cri.stopPodSandbox({ podSandboxId: await this.run() });
  }

  async remove(): Promise<void> {
    await this.#parts.cri.removePodSandbox({ podSandboxId: await this.run() });
  }

  /** The configuration of a container in this pod, for a request of the case's own. */
  container(options: ContainerOptions = {}): ReturnType<typeof containerConfig> {
    return containerConfig(options, {
      name: `main-${this.#containers++}`,
      image: this.#parts.target.images.busybox,
      network: networkOf(this.#parts.own),
    });
  }

  /** Creates a container. */
  async create(options: ContainerOptions = {}): Promise<Container> {
    const config = this.container(options);
    const podSandboxId = await this.run();
    const { cri, signal, waitMs, target } = this.#parts;
    const { containerId } = await cri.createContainer({ podSandboxId, config, sandboxConfig: this.config });
    const logFile = join(this.config.logDirectory, config.logPath);
    const inside = target.has.includes("inside");
    return new Container({ id: containerId, config, cri, signal, waitMs, logFile, inside });
  }

  /** Creates and starts a container. */
  async start(options: ContainerOptions = {}): Promise<Container> {
    const container = await this.create(options);
    await container.start();
    return container;
  }

  /** Removes it with its containers and log files, also one whose call was cut off. Idempotent. */
  async sweep(): Promise<void> {
    const { sweeper } = this.#parts;
    if (this.#running === undefined && this.#ids.size === 0) return;
    const own = this.config.metadata;
    const { items } = await sweeper.listPodSandbox({});
    for (const { id, metadata } of items) {
      if (own !== undefined && metadata !== undefined && equals(PodSandboxMetadataSchema, metadata, own))
        this.#ids.add(id);
    }
    for (const podSandboxId of this.#ids) {
      if (!items.some(({ id }) => id === podSandboxId)) continue;
      await sweeper.stopPodSandbox({ podSandboxId });
      await sweeper.removePodSandbox({ podSandboxId });
    }
    await rm(this.config.logDirectory, { recursive: true, force: true });
  }
}

function networkOf({ network }: PodOptions): NamespaceMode {
  return network === "pod" ? NamespaceMode.POD : NamespaceMode.NODE;
}

function podConfig({ target, logFolder, own }: PodParts): PodSandboxConfig {
  const uid = randomUUID();
  const network = networkOf(own);
  return create(PodSandboxConfigSchema, {
    metadata: { name: own.name, uid, namespace: "conformance", attempt: own.attempt ?? 0 },
    hostname: network === NamespaceMode.NODE ? "" : own.name,
    logDirectory: join(logFolder, uid),
    labels: { "conformance.pod": own.name },
    linux: {
      cgroupParent: target.cgroupParent ?? "",
      securityContext: {
        namespaceOptions: {
          network,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
          usernsOptions: { mode: NamespaceMode.NODE },
        },
        ...own.security,
      },
    },
    ...own.config,
  });
}
