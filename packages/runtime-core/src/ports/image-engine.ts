import type { AuthConfig, FilesystemUsage, Image, ImageSpec, PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Json } from "./json.ts";
import type { ResolvedImage } from "./records.ts";
import type { Task } from "./task.ts";

/** Images on the node. An image has one ID (its configuration's digest) and any number of names. */
export interface ImageEngine {
  /** All images; with a filter whose `image` is not "", the one that it names, if any. */
  list(filter: ImageSpec | undefined): Promise<readonly Image[]>;
  /** Undefined when the node has no such image; that is an answer and no error. */
  status(image: ImageSpec): Promise<Image | undefined>;
  /** What ImageStatus shows under `info` when it is asked for it: JSON by key. */
  inspect(image: ImageSpec): Promise<Readonly<Record<string, Json>>>;
  /**
   * Fetches an image, always asking the registry with these credentials. The core shares one pull among callers that
   * ask for the same; `task.signal` fires some seconds after the last of them went.
   * @returns the image, now on the node
   * @throws NOT_FOUND; UNKNOWN with prefix RegistryUnavailable; UNAUTHENTICATED or PERMISSION_DENIED; DATA_LOSS when
   *   what came is not what was promised
   */
  pull(request: PullRequest, task: Task): Promise<ResolvedImage>;
  /** Removes the image with all its names. Succeeds when it is not there. */
  remove(image: ImageSpec): Promise<void>;
  /** @throws NOT_FOUND when the node has no such image, with the advice to pull it */
  resolve(image: ImageSpec): Promise<ResolvedImage>;
  fsInfo(): Promise<ImageFsInfo>;
}

export interface PullRequest {
  readonly image: ImageSpec;
  readonly auth: AuthConfig | undefined;
  readonly sandbox: PodSandboxConfig | undefined;
}

export interface ImageFsInfo {
  readonly imageFilesystems: readonly FilesystemUsage[];
  readonly containerFilesystems: readonly FilesystemUsage[];
}
