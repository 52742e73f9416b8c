import { realpath } from "node:fs/promises";
import { type AppliedMessage, type LowerInfo, parseApplied } from "./applier-protocol.ts";
import { JailedProcess } from "./jailed-process.ts";

export interface ApplierOptions {
  /** The folder with `sha256` and `tmp`; only `tmp` is writable for the applier. */
  readonly snapshots: string;
  /** The end of its lane from which it reads; stays open here. */
  readonly laneFd: number;
  /** Only for the test of the jail. */
  readonly withoutPathChecks?: boolean;
}

export interface ApplyRequest {
  /** The temporary folder of the layer, by name; its `fs` is filled. */
  readonly folder: string;
  /** The complete layers below, uppermost first; awaited only when they are needed. */
  readonly lower: Promise<readonly LowerInfo[]>;
  /** True when `lower` has been resolved already, so that nothing has to be asked. */
  readonly isLowerReady: boolean;
}

/** The applier's job of one layer: its number marks the layer in the lane. */
export interface ApplyJob {
  readonly job: number;
  readonly applied: Promise<AppliedMessage>;
}

/** What an applier may do as root (DESIGN decision 10). */
export const applierCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_MKNOD",
  "CAP_SETFCAP",
  "CAP_SYS_CHROOT",
];

/** One applier process. It fills one layer's folder at a time from its lane; the daemon is its only caller. */
export class Applier implements AsyncDisposable {
  readonly process: JailedProcess;

  private constructor(process: JailedProcess) {
    this.process = process;
  }

  static async start(options: ApplierOptions): Promise<Applier> {
    const snapshots = await realpath(options.snapshots);
    const process = await JailedProcess.start({
      name: "applier",
      entry: "@keelson/linux-engine/applier-process",
      args: [snapshots, ...(options.withoutPathChecks === true ? ["--without-path-checks"] : [])],
      capabilities: applierCapabilities,
      writable: `${snapshots}/tmp`,
      readable: [snapshots],
      network: false,
      lanes: [options.laneFd],
    });
    return new Applier(process);
  }

  /**
   * Begins to apply the next layer of the lane. On failure the folder holds anything and is for the caller to remove.
   * The lane must then carry that layer's end or abort before the next job.
   */
  async apply(request: ApplyRequest): Promise<ApplyJob> {
    const lower = request.isLowerReady ? await request.lower : undefined;
    const begun = this.process.begin({ kind: "apply", folder: request.folder, lower }, (event) => {
      if (event.needLower === true) void this.#answerLower(begun.job, request.lower);
    });
    return { job: begun.job, applied: begun.done.then(parseApplied) };
  }

  close(): Promise<void> {
    return this.process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answerLower(job: number, lower: Promise<readonly LowerInfo[]>): Promise<void> {
    try {
      this.process.tell(job, { kind: "lower", lower: await lower });
    } catch {
      this.process.tell(job, { kind: "abort" }); // who waits for the lower layer hears its error
    }
  }
}
