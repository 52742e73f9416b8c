// The process that applies layers: `applier-process.ts SNAPSHOTS [--without-path-checks]`. It does one thing at a time,
// all of it synchronously; between two layers it waits in a read. While a layer is applied its root is that layer's
// folder, so everything it needs is loaded before the first one, and nothing is found by name after that.
import { closeSync, constants, openSync } from "node:fs";
import { canceled } from "@keelson/cri-api/errors";
import { type AppliedLayer, applyLayer } from "../snapshots/apply-layer.ts";
import { LowerLayers } from "../snapshots/lower-layers.ts";
import { openAt, statFd } from "../sys/at.ts";
import { moveRoot } from "../sys/jail.ts";
import { O_PATH } from "../sys/openat2.ts";
import type { AppliedMessage, LowerInfo, ToApplier } from "./applier-protocol.ts";
import { keyOfWirePath } from "./applier-protocol.ts";
import { readFrameSync, writeFrameSync } from "./control-frames.ts";
import { controlIn, controlOut, firstLane } from "./jail-descriptors.ts";
import { LaneStream } from "./lane-frames.ts";
import { toWireError } from "./wire-error.ts";

const [, , snapshots = "", ...flags] = process.argv;
const pathChecks = !flags.includes("--without-path-checks");
const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const home = openSync("/", openFolder);
const layers = openSync(`${snapshots}/sha256`, O_PATH | constants.O_DIRECTORY);
const temporary = openSync(`${snapshots}/tmp`, O_PATH | constants.O_DIRECTORY);
process.umask(0);
// From here on both ways of moving the root, and the calls behind them, are loaded.
statFd(home);
moveRoot(home);

writeFrameSync(controlOut, { ready: true });
for (let message = readFrameSync(controlIn); message !== undefined; message = readFrameSync(controlIn)) {
  const { job, ...told } = message as ToApplier;
  if (told.kind !== "apply") continue; // for a job that is over
  const stream = new LaneStream(firstLane, job);
  try {
    const applied = applyJailed(job, told.folder, told.lower, stream);
    writeFrameSync(controlOut, { job, done: answerOf(applied) });
  } catch (error) {
    writeFrameSync(controlOut, { job, failed: toWireError(error) });
    stream.drain();
  }
}

function applyJailed(
  job: number,
  folder: string,
  known: readonly LowerInfo[] | undefined,
  stream: LaneStream,
): AppliedLayer {
  const opened: number[] = [];
  let lower = known === undefined ? undefined : openLower(known, opened);
  const outer = openAt(temporary, Buffer.from(folder), openFolder);
  opened.push(outer);
  const rootFd = openAt(outer, Buffer.from("fs"), openFolder);
  opened.push(rootFd);
  try {
    moveRoot(rootFd);
    return applyLayer((into) => stream.read(into), {
      rootFd,
      pathChecks,
      getLower: () => {
        lower ??= openLower(askForLower(job), opened);
        return lower;
      },
    });
  } finally {
    moveRoot(home);
    for (const fd of opened) closeSync(fd);
  }
}

function askForLower(job: number): readonly LowerInfo[] {
  writeFrameSync(controlOut, { job, event: { needLower: true } });
  for (let message = readFrameSync(controlIn); message !== undefined; message = readFrameSync(controlIn)) {
    const told = message as ToApplier;
    if (told.job !== job) continue;
    if (told.kind === "lower") return told.lower;
    if (told.kind === "abort") throw canceled("apply layer: a layer below it failed");
  }
  process.exit(0);
}

/** By descriptor and name alone: this also works while the root is inside a layer. */
function openLower(lower: readonly LowerInfo[], opened: number[]): LowerLayers {
  return new LowerLayers(
    lower.map(({ chain, opaque }) => {
      const outer = openAt(layers, Buffer.from(chain), O_PATH | openFolder);
      opened.push(outer);
      const folderFd = openAt(outer, Buffer.from("fs"), O_PATH | openFolder);
      opened.push(folderFd);
      return { folderFd, opaque: new Set(opaque.map(keyOfWirePath)) };
    }),
  );
}

function answerOf(applied: AppliedLayer): AppliedMessage {
  return {
    opaque: applied.opaque.map((path) => path.toString("base64")),
    inodes: applied.inodes,
    sizeBytes: applied.sizeBytes,
    droppedXattrs: [...applied.droppedXattrs],
  };
}
