import { closeSync, constants, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "../src/snapshots/apply-layer.ts";
import { LowerLayers } from "../src/snapshots/lower-layers.ts";
import { mountSync, unmountSync } from "../src/sys/mount.ts";
import { setXattr } from "../src/sys/xattr.ts";
import { buildTar, type Member } from "./tar-builder.ts";

const O_PATH = 0o10000000;

export function readFrom(bytes: Buffer): (into: Buffer) => number {
  let at = 0;
  return (into) => {
    const got = bytes.copy(into, 0, at);
    at += got;
    return got;
  };
}

interface StackedLayer {
  readonly folder: string;
  readonly fd: number;
  readonly applied: AppliedLayer;
}

/** Layers applied one over the other in a temporary folder, and a real overlay of them. */
export class LayerStack implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "keelson-layers-"));
  readonly layers: StackedLayer[] = [];
  #mounted = false;

  /** Applies a layer over those that are there. */
  apply(members: readonly Member[] | Buffer, options: Partial<ApplyOptions> = {}): AppliedLayer {
    const folder = join(this.folder, `layer${this.layers.length}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o755 });
    const fd = openSync(folder, O_PATH | constants.O_DIRECTORY);
    try {
      const lower = new LowerLayers(
        this.layers.toReversed().map((layer) => ({
          folderFd: layer.fd,
          opaque: new Set(layer.applied.opaque.map((path) => (path.toString() === "." ? "" : path.toString("latin1")))),
        })),
      );
      const bytes = Buffer.isBuffer(members) ? members : buildTar(members);
      const applied = applyLayer(readFrom(bytes), { rootFd: fd, getLower: () => lower, ...options });
      for (const path of applied.opaque) this.#markOpaque(folder, path);
      this.layers.push({ folder, fd, applied });
      return applied;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Mounts what has been applied, read only, and answers where. */
  mount(): string {
    if (this.#mounted) this.#unmount();
    const target = join(this.folder, "merged");
    mkdirSync(target, { recursive: true });
    // A read-only overlay needs two layers.
    const below = join(this.folder, "empty");
    mkdirSync(below, { recursive: true });
    const last = this.layers.findLastIndex((layer) => layer.applied.opaque.some((path) => path.toString() === "."));
    const folders = this.layers.slice(Math.max(last, 0)).map((layer) => layer.folder);
    const data = `lowerdir=${[...folders.toReversed(), below].join(":")}`;
    mountSync({ target, type: "overlay", source: "overlay", data, flags: ["readOnly"] });
    this.#mounted = true;
    return target;
  }

  [Symbol.dispose](): void {
    if (this.#mounted) this.#unmount();
    for (const { fd } of this.layers) closeSync(fd);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #unmount(): void {
    unmountSync(join(this.folder, "merged"));
    this.#mounted = false;
  }

  #markOpaque(folder: string, path: Buffer): void {
    const at = Buffer.concat([Buffer.from(`${folder}/`), path]);
    const fd = openSync(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    setXattr(fd, "trusted.overlay.opaque", Buffer.from("y"));
    closeSync(fd);
  }
}
