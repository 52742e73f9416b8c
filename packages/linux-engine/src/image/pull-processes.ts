import { unavailable } from "@keelson/cri-api/errors";
import { closeAll, openPipe } from "../sys/descriptor.ts";
import { Applier } from "./applier.ts";
import { Fetcher } from "./fetcher.ts";
import type { JailedProcess } from "./jailed-process.ts";
import { Lanes } from "./lanes.ts";

export interface PullProcessesOptions {
  readonly images: string;
  readonly snapshots: string;
  readonly registryConfigPath?: string;
  /** How many layers are applied at the same time; default 2. */
  readonly lanes?: number;
  /** How long a layer may keep a lane that another pull waits for, unless all it needs is here; default 10 seconds. */
  readonly lanePatienceMs?: number;
  /** How long they stay after the last pull, so that the next one finds them running; default 3 minutes. */
  readonly lingerMs?: number;
}

/** An applier with the number of its lane. */
export interface Lane {
  readonly applier: Applier;
  readonly number: number;
}

const defaultLanes = 2;
const defaultLanePatienceMs = 10_000;
const defaultLingerMs = 3 * 60 * 1000;

/**
 * The fetcher and its appliers. The lanes between them are pipes that exist before them, so they start and end
 * together: when one is gone, the others go, what they did fails, and the next pull starts new ones.
 */
export class PullProcesses implements AsyncDisposable {
  readonly #options: PullProcessesOptions;
  #group: Promise<PullGroup> | undefined;
  #leases = 0;
  #linger: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: PullProcessesOptions) {
    this.#options = options;
  }

  /** Calls `use` with running processes, which stay at least until it has ended. */
  async use<T>(use: (group: PullGroup) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw unavailable("pull: the image engine is closed");
    this.#leases++;
    clearTimeout(this.#linger);
    try {
      return await use(await this.#running());
    } finally {
      this.#leases--;
      if (this.#leases === 0 && !this.#isClosed) this.#lingerOn();
    }
  }

  /** Ends all processes; what they did fails. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#linger);
    const group = await this.#group?.catch(() => undefined);
    await group?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #running(): Promise<PullGroup> {
    this.#group ??= this.#start();
    return this.#group;
  }

  #start(): Promise<PullGroup> {
    const starting = PullGroup.start(this.#options);
    const forget = (): void => {
      if (this.#group === starting) this.#group = undefined;
    };
    void starting.then((group) => group.broken.then(forget), forget);
    return starting;
  }

  #lingerOn(): void {
    this.#linger = setTimeout(() => {
      const group = this.#group;
      this.#group = undefined;
      void group?.then((one) => one.close()).catch(() => undefined); // it had ended before
    }, this.#options.lingerMs ?? defaultLingerMs);
    this.#linger.unref();
  }
}

/** Processes that belong together. */
export class PullGroup {
  readonly fetcher: Fetcher;
  readonly appliers: readonly Applier[];
  readonly lanes: Lanes<Lane>;
  /** Resolves as soon as one of them has ended: the others are then killed for the same reason. */
  readonly broken: Promise<void>;

  private constructor(fetcher: Fetcher, appliers: readonly Applier[], lanePatienceMs: number) {
    this.fetcher = fetcher;
    this.appliers = appliers;
    this.lanes = new Lanes(
      appliers.map((applier, number) => ({ applier, number })),
      lanePatienceMs,
    );
    const endings = this.#processes().map(({ ending }) => ending);
    this.broken = Promise.race(endings).then((why) => this.kill(why));
  }

  static async start(options: PullProcessesOptions): Promise<PullGroup> {
    const pipes = Array.from({ length: options.lanes ?? defaultLanes }, () => openPipe());
    const { images, snapshots, registryConfigPath } = options;
    try {
      const laneFds = pipes.map(({ writeFd }) => writeFd);
      const config = registryConfigPath === undefined ? {} : { registryConfigPath };
      const started = await Promise.allSettled([
        Fetcher.start({ images, laneFds, ...config }),
        ...pipes.map(({ readFd }) => Applier.start({ snapshots, laneFd: readFd })),
      ]);
      const failure = started.find((one) => one.status === "rejected");
      if (failure !== undefined) {
        for (const one of started) if (one.status === "fulfilled") await one.value.close();
        throw failure.reason;
      }
      const all = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const fetcher = all.find((one) => one instanceof Fetcher);
      if (fetcher === undefined) throw new Error("the fetcher did not start");
      return new PullGroup(
        fetcher,
        all.filter((one) => one instanceof Applier),
        options.lanePatienceMs ?? defaultLanePatienceMs,
      );
    } finally {
      closeAll(pipes.flatMap(({ readFd, writeFd }) => [readFd, writeFd]));
    }
  }

  /** Ends all of them at once; what they did fails with `because`. */
  kill(because: unknown): void {
    for (const process of this.#processes()) process.kill(because);
  }

  /** Ends all of them and waits until they are gone. */
  async close(): Promise<void> {
    this.kill(unavailable("pull: the image engine is closed"));
    await Promise.all(this.#processes().map(({ ended }) => ended));
  }

  #processes(): readonly JailedProcess[] {
    return [this.fetcher, ...this.appliers].map(({ process }) => process);
  }
}
