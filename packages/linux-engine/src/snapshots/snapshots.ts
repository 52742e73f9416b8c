import { closeSync, constants } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { alreadyExists, invalidArgument, notFound, quote } from "@keelson/cri-api/errors";
import { type Digest, digestHex, digestOfHex, isDigest } from "@keelson/image-store/reference";
import type { EngineLog } from "../log.ts";
import { openAt, statAt } from "../sys/at.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { type ContainerRecord, formatContainerRecord, parseContainerRecord } from "./container-record.ts";
import { type DiskUsage, diskUsage } from "./disk-usage.ts";
import { LayerFlusher } from "./layer-flusher.ts";
import { formatLayerRecord, isRootOpaque, type LayerRecord, parseLayerRecord } from "./layer-record.ts";
import { markOpaque } from "./mark-opaque.ts";
import { SnapshotFolders } from "./snapshot-folders.ts";

export interface PreparedSnapshot {
  /** Read-only folders, the uppermost first; at least one. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
}

export interface SnapshotsOptions {
  /** The folder of all snapshots. */
  readonly root: string;
  readonly bootId: string;
  readonly log: EngineLog;
  /** See {@link LayerFlusher}. */
  readonly flushDelayMs?: number;
}

const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Unpacked layers and the writable layers of containers, as folders for overlayfs:
 *
 *     sha256/CHAIN/{fs,layer.json,flushed}  a layer; its chain ID names it together with all below it
 *     containers/ID/{fs,work,snapshot.json} a container's writable layer, and folders that go with it
 *     tmp/                                  what is in the making or on its way out; empty after a start
 *     empty/                                the lower folder of an image without layers
 *
 * Life of a layer: `beginLayer` → an applier fills `tmp/NAME/fs` → `commitLayer` puts it into place as a whole, or
 * `discard` → `removeChain` when nothing needs it. What is in place never changes.
 */
export class Snapshots implements AsyncDisposable {
  readonly #folders: SnapshotFolders;
  readonly #bootId: string;
  readonly #log: EngineLog;
  readonly #flusher: LayerFlusher;
  readonly #layers = new Map<Digest, LayerRecord>();
  readonly #containers = new Map<string, ContainerRecord>();

  private constructor(folders: SnapshotFolders, { bootId, log, flushDelayMs }: SnapshotsOptions) {
    this.#folders = folders;
    this.#bootId = bootId;
    this.#log = log;
    this.#flusher = new LayerFlusher({
      folder: folders.root,
      markOf: (chain) => folders.path("sha256", chain, "flushed"),
      log,
      ...(flushDelayMs === undefined ? {} : { delayMs: flushDelayMs }),
    });
  }

  /** Makes the folders where they are missing, reads what is there, and removes what a crash has left. */
  static async open(options: SnapshotsOptions): Promise<Snapshots> {
    const snapshots = new Snapshots(await SnapshotFolders.open(options.root, options.log), options);
    await snapshots.#folders.remover.removeAll();
    await snapshots.#readLayers();
    await snapshots.#readContainers();
    return snapshots;
  }

  /** The folder of all snapshots. */
  get root(): string {
    return this.#folders.root;
  }

  /** The layers that are in place. */
  get layers(): ReadonlyMap<Digest, LayerRecord> {
    return this.#layers;
  }

  /** The containers that have a writable layer, with what is below it. */
  get containers(): ReadonlyMap<string, ContainerRecord> {
    return this.#containers;
  }

  /** A new layer's name: its folder `tmp/NAME/fs` is for the applier to fill. */
  async beginLayer(): Promise<string> {
    const name = await this.#folders.makeTemporary("layer");
    await mkdir(this.#folders.path("tmp", name, "fs"), { mode: 0o755 });
    return name;
  }

  /**
   * Marks the opaque folders of a filled layer and puts it into place. All layers below it must be in place already.
   * Where the same chain was put there meanwhile, that one stays.
   */
  async commitLayer(name: string, record: Omit<LayerRecord, "bootId">): Promise<void> {
    const whole: LayerRecord = { ...record, bootId: this.#bootId };
    const chain = digestHex(record.chainId);
    const opaque = record.opaque.map((path) => Buffer.from(path, "base64"));
    await this.#withLayer(name, (fd) => markOpaque(fd, opaque));
    const file = this.#folders.path("tmp", name, "layer.json");
    await writeFile(file, formatLayerRecord(whole), { mode: 0o600, flag: "wx" });
    try {
      await rename(this.#folders.path("tmp", name), this.#folders.path("sha256", chain));
    } catch (error) {
      if (!isErrno(error, "ENOTEMPTY", "EEXIST") || !this.#layers.has(record.chainId)) throw error;
      this.discard(name);
      return;
    }
    this.#layers.set(record.chainId, whole);
    this.#flusher.add(chain);
  }

  /** Removes a layer in the making. */
  discard(name: string): void {
    this.#folders.remover.remove(name);
  }

  /** Removes a layer that nothing needs. Succeeds when it is not there. */
  async removeChain(chainId: Digest): Promise<void> {
    const chain = digestHex(chainId);
    this.#layers.delete(chainId);
    this.#flusher.forget(chain);
    await this.#folders.throwAway("sha256", chain);
  }

  /**
   * Makes a container's writable layer.
   * @throws NOT_FOUND when a layer below is not there, ALREADY_EXISTS, INVALID_ARGUMENT for an ID that is no plain name
   */
  async prepare(id: string, record: ContainerRecord): Promise<PreparedSnapshot> {
    checkId(id);
    if (this.#containers.has(id)) throw alreadyExists(`make snapshot ${quote(id)}: it is there already`);
    const lower = this.#lower(record);
    const name = await this.#folders.makeTemporary("container");
    const inside = (file: string): string => this.#folders.path("tmp", name, file);
    await mkdir(inside("fs"), { mode: 0o755 });
    await mkdir(inside("work"), { mode: 0o700 });
    await copyRootFolder(lower[0] ?? "", inside("fs"));
    await writeFile(inside("snapshot.json"), formatContainerRecord(record), { mode: 0o600, flag: "wx" });
    await rename(this.#folders.path("tmp", name), this.#folders.path("containers", id));
    this.#containers.set(id, record);
    const folder = join(this.root, "containers", id);
    return { lower, upper: join(folder, "fs"), work: join(folder, "work") };
  }

  /**
   * A new, empty folder of root's beside a container's writable layer, which goes with the layer; one that is there under
   * this name is removed.
   * @throws NOT_FOUND when the container has no writable layer
   */
  async addFolder(id: string, name: string): Promise<string> {
    checkId(id);
    if (!this.#containers.has(id)) throw notFound(`make a folder of container ${quote(id)}: it has no snapshot`);
    await this.removeFolder(id, name);
    await mkdir(this.#folders.path("containers", id, name), { mode: 0o700 });
    return join(this.root, "containers", id, name);
  }

  /** Removes what {@link addFolder} has made. Succeeds when there is none. */
  async removeFolder(id: string, name: string): Promise<void> {
    checkId(id);
    await this.#folders.throwAway("containers", join(id, name));
  }

  /** Removes a container's writable layer, which must not be mounted any more. Succeeds when there is none. */
  async remove(id: string): Promise<void> {
    checkId(id);
    await this.#folders.throwAway("containers", id);
    this.#containers.delete(id);
  }

  /** What the writable layers of containers take on the disk; all of them by default. */
  async usage(ids: readonly string[] = [...this.#containers.keys()]): Promise<ReadonlyMap<string, DiskUsage>> {
    for (const id of ids) checkId(id);
    return await diskUsage(this.#folders.fd("containers"), ids);
  }

  /** What containers have written: {@link usage} without what overlayfs and we need beside it. */
  async written(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, DiskUsage>> {
    for (const id of ids) checkId(id);
    const folders = ids.map((id) => `${id}/fs`);
    const usage = await diskUsage(this.#folders.fd("containers"), folders, signal);
    return new Map([...usage].map(([name, used]) => [name.slice(0, -"/fs".length), used]));
  }

  /** Makes the layers that are in place survive a loss of power now, not only when some time has passed. */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /** Resolves when everything that was removed until now is gone from the disk. */
  drained(): Promise<void> {
    return this.#folders.remover.drained();
  }

  async close(): Promise<void> {
    await this.#flusher.close();
    await this.#folders.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lower({ imageId, chainIds }: ContainerRecord): readonly string[] {
    const records = chainIds.map((chainId) => {
      const record = this.#layers.get(chainId);
      if (record !== undefined) return record;
      throw notFound(`make a snapshot of image ${imageId}: layer ${chainId} is not there`, { hint: "pull it again" });
    });
    // overlayfs merges root folders whatever their marks say.
    const shown = records.slice(Math.max(records.findLastIndex(isRootOpaque), 0));
    if (shown.length === 0) return [join(this.root, "empty")];
    return shown.toReversed().map(({ chainId }) => join(this.root, "sha256", digestHex(chainId), "fs"));
  }

  async #withLayer<T>(name: string, use: (fd: number) => Promise<T>): Promise<T> {
    const outer = openAt(this.#folders.fd("tmp"), Buffer.from(name), openFolder);
    try {
      const fd = openAt(outer, Buffer.from("fs"), openFolder);
      try {
        return await use(fd);
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(outer);
    }
  }

  async #readLayers(): Promise<void> {
    for (const name of await readdir(this.#folders.path("sha256"))) {
      const record = await this.#readLayer(name);
      if (record === undefined) await this.#folders.throwAway("sha256", name);
      else this.#layers.set(record.chainId, record);
    }
  }

  async #readLayer(name: string): Promise<LayerRecord | undefined> {
    const warn = (error: unknown): void => this.#log.warn("a layer is not complete and is removed", { name, error });
    try {
      if (!isDigest(`sha256:${name}`)) throw new Error("its name is no chain ID");
      const record = parseLayerRecord(await readFile(this.#folders.path("sha256", name, "layer.json"), "utf8"));
      if (record.chainId !== digestOfHex(name)) throw new Error("it is the layer of another chain");
      if (this.#isFlushed(name)) return record;
      if (record.bootId !== this.#bootId) throw new Error("the machine went down before it was written to the disk");
      this.#flusher.add(name);
      return record;
    } catch (error) {
      warn(error);
      return undefined;
    }
  }

  #isFlushed(name: string): boolean {
    return statAt(this.#folders.fd("sha256"), Buffer.from(`${name}/flushed`)) !== undefined;
  }

  async #readContainers(): Promise<void> {
    for (const name of await readdir(this.#folders.path("containers"))) {
      try {
        const text = await readFile(this.#folders.path("containers", name, "snapshot.json"), "utf8");
        this.#containers.set(name, parseContainerRecord(text));
      } catch (error) {
        this.#log.warn("a container's snapshot is not complete and is removed", { name, error });
        await this.#folders.throwAway("containers", name);
      }
    }
  }
}

/** overlayfs shows the uppermost root folder, so a container's takes after its image's. */
async function copyRootFolder(from: string, to: string): Promise<void> {
  const { mode, uid, gid } = await stat(from);
  await chown(to, uid, gid);
  await chmod(to, mode & 0o7777);
}

/** @throws INVALID_ARGUMENT for what could be more than one name of a path */
function checkId(id: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)) {
    throw invalidArgument(`use snapshot ${quote(id)}: want letters, digits, "_", "." and "-"`);
  }
}
