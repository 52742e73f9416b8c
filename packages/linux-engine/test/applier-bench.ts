import { closeSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Applier } from "../src/image/applier.ts";
import type { AppliedMessage, LowerInfo } from "../src/image/applier-protocol.ts";
import { LaneWriter } from "../src/image/lane-frames.ts";
import { openPipe } from "../src/sys/descriptor.ts";

/** A real applier in its jail, whose lane a test fills; its store is a temporary folder. */
export class ApplierBench implements AsyncDisposable {
  readonly folder: string;
  readonly applier: Applier;
  readonly lane: LaneWriter;
  readonly #socket: Socket;

  private constructor(folder: string, applier: Applier, writeFd: number) {
    this.folder = folder;
    this.applier = applier;
    this.#socket = new Socket({ fd: writeFd, readable: false, writable: true });
    this.lane = new LaneWriter(this.#socket);
  }

  static async open(options: { readonly withoutPathChecks?: boolean } = {}): Promise<ApplierBench> {
    const folder = mkdtempSync(join(tmpdir(), "keelson-applier-"));
    for (const name of ["sha256", "tmp"]) mkdirSync(join(folder, name), { mode: 0o700 });
    const { readFd, writeFd } = openPipe();
    try {
      return new ApplierBench(folder, await Applier.start({ snapshots: folder, laneFd: readFd, ...options }), writeFd);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    } finally {
      closeSync(readFd);
    }
  }

  /** Where a layer's files are. */
  layer(name: string): string {
    return join(this.folder, "tmp", name, "fs");
  }

  /** Applies an archive as the layer `name`. */
  async apply(
    name: string,
    archive: Buffer,
    options: { readonly lower?: Promise<readonly LowerInfo[]>; readonly whole?: boolean } = {},
  ): Promise<AppliedMessage> {
    mkdirSync(this.layer(name), { recursive: true });
    const lower = options.lower ?? Promise.resolve([]);
    const isLowerReady = options.lower === undefined;
    const { job, applied } = await this.applier.apply({ folder: name, lower, isLowerReady });
    applied.catch(() => undefined);
    await this.lane.begin(job);
    await this.lane.data(archive);
    if (options.whole === false) await this.lane.abort();
    else await this.lane.end();
    return await applied;
  }

  /** The host's number of the Node process in the jail. */
  pid(): number {
    let pid = this.applier.process.pid;
    for (;;) {
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
      if (child === undefined || child === "") return pid;
      pid = Number(child);
    }
  }

  /** What is open in the jail, by descriptor. */
  descriptors(): Map<number, string> {
    const folder = `/proc/${this.pid()}/fd`;
    return new Map(readdirSync(folder).map((fd) => [Number(fd), readlinkSync(join(folder, fd))]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.applier.close();
    this.#socket.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
