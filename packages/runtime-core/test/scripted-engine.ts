import { create } from "@bufbuild/protobuf";
import { failedPrecondition, notFound } from "@keelson/cri-api/errors";
import {
  CgroupDriver,
  type Image,
  ImageSchema,
  RuntimeFeaturesSchema,
  RuntimeHandlerSchema,
} from "@keelson/cri-api/v1";
import {
  type AnyStep,
  applySteps,
  type ContainerEngine,
  type ContainerExit,
  type ContainerRecord,
  type Engine,
  type EngineObserver,
  type ExecRequest,
  type ExecResult,
  type Found,
  failOnLeft,
  type ImageEngine,
  type Journal,
  type NodeEngine,
  type PullRequest,
  type Reconciled,
  revertSteps,
  type SandboxEngine,
  step,
  type Task,
} from "../src/ports/index.ts";

type Hook = (id: string, task?: Task) => unknown;

/**
 * An engine that does nothing but remember, and stops where a test tells it to. `world` holds what exists: each object
 * is two steps, `a` (held until stop) and `b` (held until remove).
 */
export class ScriptedEngine implements Engine {
  readonly world = new Set<string>();
  readonly calls: string[] = [];
  /** By point, for instance "sandbox.create", "sandbox.a", "sandbox.revert", "container.start", "image.pull". */
  readonly hooks = new Map<string, Hook>();
  readonly alive = new Set<string>();
  readonly stored = new Map<string, Image>();
  observer: EngineObserver | undefined;
  verdicts: (found: Found) => Reconciled = () => ({ sandboxes: new Map(), containers: new Map() });
  found: Found | undefined;
  closed = false;
  exec: (id: string, request: ExecRequest) => Promise<ExecResult> = async () => ({
    exitCode: 0,
    stdout: new Uint8Array(),
    stderr: new Uint8Array(),
  });

  async at(point: string, id: string, task?: Task): Promise<void> {
    this.calls.push(`${point} ${id}`);
    await this.hooks.get(point)?.(id, task);
  }

  count(point: string): number {
    return this.calls.filter((call) => call.startsWith(`${point} `)).length;
  }

  /** Ends a running container from inside. */
  async end(id: string, exit: Partial<ContainerExit> = {}): Promise<void> {
    if (!this.alive.delete(id)) return;
    await this.observer?.containerExited(id, {
      code: 0,
      finishedAtNs: 0n,
      reason: "Completed",
      message: "",
      ...exit,
    });
  }

  readonly #steps = (kind: "sandbox" | "container"): readonly AnyStep<{ readonly id: string }, ScriptedEngine>[] =>
    (["a", "b"] as const).map((name) =>
      step<{ readonly id: string }, ScriptedEngine, string, string>({
        name,
        heldUntil: name === "a" ? "stop" : "remove",
        plan: ({ id }) => id,
        async apply(id, engine, task) {
          engine.world.add(`${kind}/${id}/${name}`);
          await engine.at(`${kind}.${name}`, id, task);
          return `made ${name}`;
        },
        async revert(id, _facts, engine) {
          await engine.at(`${kind}.revert`, id);
          engine.world.delete(`${kind}/${id}/${name}`);
        },
      }),
    );

  async #revert(kind: "sandbox" | "container", id: string, journal: Journal, until: "stop" | "remove"): Promise<void> {
    const left = await revertSteps({ steps: this.#steps(kind), tools: this, journal, until });
    failOnLeft(`${until} ${kind} ${id}`, left);
  }

  readonly sandboxes: SandboxEngine = {
    admit: (_config, handler) => {
      if (handler !== "" && handler !== "scripted") throw notFound(`runtime handler "${handler}" is not configured`);
    },
    create: async (record, journal, task) => {
      await this.at("sandbox.create", record.id, task);
      await applySteps({ steps: this.#steps("sandbox"), subject: record, tools: this, journal, task });
      return { ips: ["10.0.0.1", "fd00::1"] };
    },
    stop: async (record, journal) => {
      await this.at("sandbox.stop", record.id);
      await this.#revert("sandbox", record.id, journal, "stop");
    },
    remove: async (record, journal) => {
      await this.at("sandbox.remove", record.id);
      await this.#revert("sandbox", record.id, journal, "remove");
    },
    inspect: async () => ({ netns: "/netns" }),
  };

  readonly containers: ContainerEngine = {
    admit: (config) => {
      if (config.linux?.securityContext?.selinuxOptions?.level === "s0") {
        throw failedPrecondition("config.linux.security_context.selinux_options: not kept");
      }
    },
    create: async (record, _sandbox, journal, task) => {
      await this.at("container.create", record.id, task);
      await applySteps({ steps: this.#steps("container"), subject: record, tools: this, journal, task });
      return { mounts: record.config.mounts };
    },
    start: async (record, _sandbox, _journal, task) => {
      this.alive.add(record.id);
      try {
        await this.at("container.start", record.id, task);
      } catch (error) {
        this.alive.delete(record.id);
        throw error;
      }
      return { startedAtNs: record.createdAtNs + 1_000_000n, pid: 4321 };
    },
    signal: async (record, signal) => {
      await this.at(`container.${signal}`, record.id);
      if (signal === "kill" && this.hooks.get("container.kill") === undefined) {
        await this.end(record.id, { code: 137, reason: "Error" });
      }
    },
    remove: async (record, journal) => {
      if (this.alive.has(record.id)) throw new Error(`remove ${record.id}: it runs`);
      await this.at("container.remove", record.id);
      await this.#revert("container", record.id, journal, "remove");
    },
    exec: (record, request) => this.exec(record.id, request),
    inspect: async (record: ContainerRecord) => ({ runtimeSpec: { hostname: record.id } }),
  };

  readonly images: ImageEngine = {
    list: async (filter) =>
      filter === undefined || filter.image === ""
        ? [...this.stored.values()]
        : [this.stored.get(filter.image)].filter((image) => image !== undefined),
    status: async (spec) => this.stored.get(spec.image),
    inspect: async () => ({ chain: [] }),
    pull: async (request: PullRequest, task) => {
      await this.at("image.pull", request.image.image, task);
      this.addImage(request.image.image);
      return { id: `sha256:${"1".repeat(64)}`, ref: `${request.image.image}@sha256:${"2".repeat(64)}` };
    },
    remove: async (spec) => void this.stored.delete(spec.image),
    resolve: async (spec) => {
      await this.at("image.resolve", spec.image);
      const image = this.stored.get(spec.image);
      if (image === undefined) throw notFound(`find image "${spec.image}": it is not here`, { hint: "pull it" });
      return { id: image.id, ref: `${spec.image}@sha256:${"2".repeat(64)}` };
    },
    fsInfo: async () => ({ imageFilesystems: [], containerFilesystems: [] }),
  };

  readonly node: NodeEngine = {
    conditions: async () => ({
      runtime: { status: true, reason: "", message: "" },
      network: { status: false, reason: "NoNetwork", message: "put a conflist there" },
    }),
    handlers: () => [create(RuntimeHandlerSchema, { name: "" })],
    features: () => create(RuntimeFeaturesSchema, { supplementalGroupsPolicy: true }),
    cgroupDriver: () => CgroupDriver.CGROUPFS,
    updatePodCidr: (cidr) => this.at("node.cidr", cidr),
    inspect: async () => ({ kernel: "none" }),
  };

  addImage(name: string): void {
    this.stored.set(name, create(ImageSchema, { id: `sha256:${"1".repeat(64)}`, repoTags: [name], size: 1n }));
  }

  async reconcile(found: Found, observer: EngineObserver): Promise<Reconciled> {
    this.observer = observer;
    this.found = found;
    return this.verdicts(found);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
