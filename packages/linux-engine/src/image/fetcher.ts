import { realpath } from "node:fs/promises";
import type { Digest } from "@keelson/image-store/reference";
import type { RegistryAuth } from "@keelson/image-store/registry";
import { isErrno } from "../sys/syscall-error.ts";
import { type FetcherRequest, type PlannedMessage, parsePlanned, type WireLayer } from "./fetcher-protocol.ts";
import { JailedProcess, type JobEvents } from "./jailed-process.ts";

export interface FetcherOptions {
  /** The image store, the only folder in which it can write. */
  readonly images: string;
  /** The folder of `HOST/hosts.toml` files. */
  readonly registryConfigPath?: string;
  /** The writing ends of the lanes; stay open here. */
  readonly laneFds: readonly number[];
}

/** What a pull asks for; its credentials stay in the fetcher until {@link FetcherPull.close}. */
export interface PlanRequest {
  readonly reference: string;
  readonly auth?: RegistryAuth;
  /** What the tag meant last time. */
  readonly lastKnown?: Digest;
}

/** How much of a layer has come, in bytes of the registry. */
export type Progress = (bytes: number) => void;

/** The fetcher process; the daemon is its only caller. */
export class Fetcher implements AsyncDisposable {
  readonly process: JailedProcess;

  private constructor(process: JailedProcess) {
    this.process = process;
  }

  static async start(options: FetcherOptions): Promise<Fetcher> {
    const { laneFds } = options;
    const images = await realpath(options.images);
    const config = await realConfigPath(options.registryConfigPath);
    const process = await JailedProcess.start({
      name: "fetcher",
      entry: "@keelson/linux-engine/fetcher-process",
      args: [images, String(laneFds.length), ...config],
      capabilities: [],
      writable: images,
      readable: config,
      network: true,
      lanes: laneFds,
    });
    return new Fetcher(process);
  }

  /** Asks the registry what the reference means. @throws as planPull() of the image store */
  async plan(request: PlanRequest, signal: AbortSignal): Promise<FetcherPull> {
    const { reference, auth, lastKnown } = request;
    const { job, done } = this.#run({ kind: "plan", reference, auth, lastKnown }, signal);
    try {
      return new FetcherPull(this, job, parsePlanned(await done));
    } catch (error) {
      this.process.tell(job, { kind: "close" });
      throw error;
    }
  }

  /** Begins a request that `signal` gives up. */
  async run(request: FetcherRequest, signal: AbortSignal, events?: JobEvents): Promise<void> {
    await this.#run(request, signal, events).done;
  }

  close(): Promise<void> {
    return this.process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(
    request: FetcherRequest,
    signal: AbortSignal,
    events?: JobEvents,
  ): { readonly job: number; readonly done: Promise<unknown> } {
    const begun = this.process.begin({ ...request }, events);
    const cancel = (): void => this.process.tell(begun.job, { kind: "cancel" });
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    return { job: begun.job, done: begun.done.finally(() => signal.removeEventListener("abort", cancel)) };
  }
}

/** The configuration's real path; where there is none, its place, should it be made later. */
async function realConfigPath(path: string | undefined): Promise<readonly string[]> {
  if (path === undefined) return [];
  try {
    return [await realpath(path)];
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [path];
    throw error;
  }
}

/** One pull in the fetcher: its plan, its session at the registry and its credentials. */
export class FetcherPull {
  readonly planned: PlannedMessage;
  readonly #fetcher: Fetcher;
  readonly #job: number;

  constructor(fetcher: Fetcher, job: number, planned: PlannedMessage) {
    this.#fetcher = fetcher;
    this.#job = job;
    this.planned = planned;
  }

  /** Stores manifest and config. */
  keep(signal: AbortSignal): Promise<void> {
    return this.#fetcher.run({ kind: "keep", pull: this.#job }, signal);
  }

  /** Brings a layer's blob into the store. */
  fetch(layer: WireLayer, signal: AbortSignal): Promise<void> {
    return this.#fetcher.run({ kind: "fetch", pull: this.#job, layer }, signal);
  }

  /** Brings a layer's blob into the store and its tar to the applier's job; resolves when all of it is verified. */
  unpack(
    layer: WireLayer,
    to: { readonly lane: number; readonly applierJob: number },
    signal: AbortSignal,
    progress: Progress,
  ): Promise<void> {
    return this.#fetcher.run({ kind: "unpack", pull: this.#job, layer, ...to }, signal, ({ bytes }) => {
      if (typeof bytes === "number") progress(bytes);
    });
  }

  /** Forgets the pull and its credentials. What runs of it goes on. */
  close(): void {
    this.#fetcher.process.tell(this.#job, { kind: "close" });
  }
}
