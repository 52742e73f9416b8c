import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { timed } from "./pod-sample.ts";
import type { Runtime } from "./runtimes.ts";
import type { BenchImage, Workbench } from "./workbench.ts";

const coldMs = 60_000;

/** The milliseconds of one pull into a store that has nothing of the image. */
export async function pullSample(runtime: Runtime, image: BenchImage, workbench: Workbench): Promise<number> {
  const { images } = runtime.cri;
  for (const one of [workbench.small, workbench.large]) await images.removeImage({ image: { image: one.reference } });
  await untilCold(runtime, image);
  // what the removal left to be written is not the pull's
  await promisify(execFile)("sync", ["--file-system", workbench.pods]);
  const [ms] = await timed(() => images.pullImage({ image: { image: image.reference } }));
  return ms;
}

/** Waits until neither a blob (both runtimes name them by their digests) nor an unpacked file of the image is there. */
async function untilCold(runtime: Runtime, image: BenchImage): Promise<void> {
  const deadline = Date.now() + coldMs;
  const traces = [...image.layers, ...image.marks.map((path) => `/${path}`)];
  for (;;) {
    const kept = await findTrace(runtime.root, traces);
    if (kept === undefined) return;
    if (Date.now() > deadline) throw new Error(`${runtime.name} still has ${kept} after the image was removed`);
    await delay(50);
  }
}

async function findTrace(root: string, endings: readonly string[]): Promise<string | undefined> {
  try {
    const paths = await readdir(root, { recursive: true });
    return paths.find((path) => endings.some((ending) => path.endsWith(ending)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return `${(error as NodeJS.ErrnoException).path}, which is just being removed`;
  }
}
