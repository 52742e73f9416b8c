import type { ImageSpec } from "@keelson/cri-api/v1";
import type { ContainerRecord, ResolvedImage, SandboxRecord } from "@keelson/runtime-core/ports";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import type { EngineLog } from "../log.ts";
import type { ConmonOptions } from "../oci/conmon.ts";
import type { RunningMonitor } from "../oci/exit-watcher.ts";
import type { OciRuntime } from "../oci/oci-runtime.ts";
import type { SandboxParts } from "../sandbox/sandbox-parts.ts";
import type { DiskUsage } from "../snapshots/disk-usage.ts";
import type { CgroupDriver, HostFacts, ImageProcessConfig } from "../spec/index.ts";
import type { ContainerPaths } from "./container-paths.ts";
import type { HostPaths } from "./host-paths.ts";

/** Layers of an image and a writable one above them, ready to be mounted as an overlay. */
export interface PreparedSnapshot {
  /** Read-only folders, the uppermost first. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
}

/**
 * The writable layers of containers. Keys are container IDs; an image that a container mounts has a layer of its own,
 * whose key begins with that ID.
 */
export interface ContainerSnapshots {
  /** Makes the writable layer above the image's. @throws NOT_FOUND when the image's content is not there */
  prepare(key: string, imageId: string): Promise<PreparedSnapshot>;
  /** Removes the writable layer. Succeeds when there is none. */
  remove(key: string): Promise<void>;
  /** A new, empty folder for root alone beside a writable layer, on the same disk; it goes with the layer. */
  addFolder(key: string, name: string): Promise<string>;
  /** Removes such a folder. Succeeds when there is none. */
  removeFolder(key: string, name: string): Promise<void>;
  /** The keys of all that are there. */
  list(): Promise<readonly string[]>;
  /** What containers have written so far, on the disk; walks their layers. A layer that is gone has none. */
  usage(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, DiskUsage>>;
  /** A folder of the file system that they are on. */
  readonly root: string;
}

/** Keeps an image's content while containers need it, whatever happens to its names. Holds live in memory only. */
export interface ImageHolds {
  /** Idempotent. @throws NOT_FOUND when the image is not there */
  hold(imageId: string, holder: string): Promise<void>;
  /** Idempotent. */
  release(imageId: string, holder: string): Promise<void>;
  /** What the image says of its process. @throws NOT_FOUND */
  processConfig(imageId: string): Promise<ImageProcessConfig>;
}

/** What every container is made with. */
export interface ContainerDeps {
  readonly paths: ContainerPaths;
  readonly conmon: ConmonOptions;
  /** The OCI runtime of each handler that works here; "" is the default one. */
  readonly runtimes: ReadonlyMap<string, OciRuntime>;
  /** Read anew for each container: somebody may mount a hierarchy. */
  readonly cgroupLayout: () => CgroupLayout;
  readonly cgroupDriver: CgroupDriver;
  /** What is so for all handlers. */
  readonly facts: HostFacts;
  /** What is so with the OCI runtime of a handler. */
  factsOf(runtimeHandler: string): HostFacts;
  readonly images: ImageHolds;
  readonly hostPaths: HostPaths;
  readonly snapshots: ContainerSnapshots;
  /** Finds an image by any of its names. @throws NOT_FOUND */
  findImage(image: ImageSpec): Promise<ResolvedImage>;
  sandboxParts(sandbox: SandboxRecord): SandboxParts;
  /** The operator's list of annotations that reach the OCI runtime. */
  readonly allowedAnnotations: readonly string[];
  readonly bootId: string;
  /** Monitors of containers that were just started, until their end is watched; by container ID. */
  readonly monitors: Map<string, RunningMonitor>;
  readonly log: EngineLog;
}

/** What a step of a container is about. */
export interface ContainerSubject {
  readonly record: ContainerRecord;
  readonly sandbox: SandboxRecord;
}

/** What the steps of one container are made with. */
export interface ContainerTools extends ContainerDeps {
  /** Undefined when steps are only reverted: that needs nothing but what is recorded. */
  readonly subject?: ContainerSubject;
}
