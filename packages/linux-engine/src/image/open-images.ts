import { join } from "node:path";
import { ImageIndex } from "@keelson/image-store";
import { CleanupStack } from "@keelson/lifecycle";
import { type ImageEngine, type Meter, silentMeter } from "@keelson/runtime-core/ports";
import { readBootId } from "../host/boot.ts";
import type { EngineLog } from "../log.ts";
import { Snapshots } from "../snapshots/snapshots.ts";
import { GarbageCollector } from "./garbage-collector.ts";
import { ImageContent } from "./image-content.ts";
import { createImageEngine } from "./image-engine.ts";
import { pinnedImages } from "./pinned-images.ts";
import { PullProcesses } from "./pull-processes.ts";
import { SharedWork } from "./shared-work.ts";

export interface OpenImagesOptions {
  /** Holds `images` and `snapshots`; survives a reboot. */
  readonly root: string;
  /** The folder of `HOST/hosts.toml` files. */
  readonly registryConfigPath?: string;
  /** The images that the kubelet must not collect; see {@link pinnedImages}. Default: none. */
  readonly pinned?: readonly string[];
  readonly log: EngineLog;
  /** Where pulls and garbage are counted. Default: nowhere. */
  readonly meter?: Meter;
  /** How long the processes of a pull stay after it; default 3 minutes. */
  readonly lingerMs?: number;
  /** How long a layer keeps others from its lane; see PullProcesses. */
  readonly lanePatienceMs?: number;
  /** How long one pull may take; default 2 hours. */
  readonly pullDeadlineMs?: number;
  /** How long what a failed pull has brought waits for the next try; default 10 minutes. */
  readonly retryMs?: number;
}

export interface OpenImages {
  readonly engine: ImageEngine;
  /** Both what {@link ImageContent} keeps of images and where containers get their writable layers. */
  readonly holds: ImageContent;
  readonly snapshots: ImageContent;
  /** The folders themselves, for statistics. */
  readonly folders: Snapshots;
  readonly garbage: GarbageCollector;
  /** Ends the processes of pulls; what they did is given up. Running containers are left alone. */
  close(): Promise<void>;
}

const defaultPullDeadlineMs = 2 * 60 * 60 * 1000;

/** Opens the image store and the snapshots below `root`, and removes what crashes have left in them. */
export async function openImages(options: OpenImagesOptions): Promise<OpenImages> {
  const { root, log, registryConfigPath, meter = silentMeter } = options;
  const cleanup = new CleanupStack();
  try {
    const snapshots = await Snapshots.open({ root: join(root, "snapshots"), bootId: readBootId(), log });
    cleanup.defer("snapshots", () => snapshots.close());
    const images = join(root, "images");
    const index = await ImageIndex.open(images);
    for (const { entry, error } of index.broken) log.error("an image is damaged and left out", { ...entry, error });
    const retry = options.retryMs === undefined ? {} : { retryMs: options.retryMs };
    const garbage = new GarbageCollector({ index, snapshots, log, meter, ...retry });
    cleanup.defer("garbage collection", () => garbage.close());
    const works = new SharedWork();
    cleanup.defer("layers under way", () => works.idle());
    const processes = new PullProcesses({
      images,
      snapshots: snapshots.root,
      ...(registryConfigPath === undefined ? {} : { registryConfigPath }),
      ...(options.lingerMs === undefined ? {} : { lingerMs: options.lingerMs }),
      ...(options.lanePatienceMs === undefined ? {} : { lanePatienceMs: options.lanePatienceMs }),
    });
    cleanup.defer("processes of pulls", () => processes.close());
    const content = await ImageContent.open({ index, snapshots, garbage });
    // What pulls of the last life left unfinished; what containers need is kept by now.
    void garbage.collect();
    const deadlineMs = options.pullDeadlineMs ?? defaultPullDeadlineMs;
    const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
    const isPinned = pinnedImages(options.pinned ?? []);
    const pulling = { processes, index, snapshots, works, garbage, log, meter, deadlineMs };
    const engine = createImageEngine({ ...pulling, isPinned, now });
    return { engine, holds: content, snapshots: content, folders: snapshots, garbage, close: () => cleanup.close() };
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}
