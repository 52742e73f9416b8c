// Medians of the calls of a pod's life and of pulls, keelsond beside containerd.
// usage: node bench/pod-life.ts --containerd PATH [--samples N] [--folder DIR] [--out FILE]
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { readCircumstances, withToolVersions } from "./machine.ts";
import { podOperations, podSample } from "./pod-sample.ts";
import { pullSample } from "./pull-sample.ts";
import type { Comparison, PodLifeResult } from "./results.ts";
import type { Runtime } from "./runtimes.ts";
import { summarize } from "./summary.ts";
import { resultTable } from "./tables.ts";
import { type Workbench, withWorkbench } from "./workbench.ts";

const warmUps = 3;
/** Between samples: what one pod leaves to the kernel is not the next one's. */
const settleMs = 200;

type Samples = Map<string, Record<Runtime["name"], number[]>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      containerd: { type: "string" },
      samples: { type: "string", default: "20" },
      folder: { type: "string", default: tmpdir() },
      out: { type: "string", default: join(import.meta.dirname, "results", "pod-life.json") },
    },
  });
  const samples = Number(values.samples);
  if (!Number.isInteger(samples) || samples < 10) throw new Error(`--samples: want 10 or more, got ${values.samples}`);
  if (values.containerd === undefined) throw new Error("--containerd: want the path of containerd's binary");
  await withWorkbench({ parent: values.folder, keelsond: true, containerd: values.containerd }, async (workbench) => {
    const runtimes = [workbench.keelsond, workbench.containerd].filter((one) => one !== undefined);
    const versions = Object.fromEntries(runtimes.map((one) => [one.name, one.version]));
    const circumstances = await readCircumstances(await withToolVersions(versions));
    const taken: Samples = new Map();
    await measurePods(workbench, runtimes, samples, taken);
    for (const name of ["small", "large"] as const) await measurePulls(workbench, runtimes, name, samples, taken);
    const result: PodLifeResult = {
      ...circumstances,
      samples,
      warmUps,
      images: [workbench.small, workbench.large].map(({ name, layers, compressedBytes }) => ({
        name,
        layers: layers.length,
        compressedBytes,
      })),
      comparisons: [...taken].map(([operation, of]) => compare(operation, of)),
    };
    await writeFile(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
    process.stdout.write(`${resultTable(result)}\n`);
  });
}

async function measurePods(
  workbench: Workbench,
  runtimes: readonly Runtime[],
  samples: number,
  taken: Samples,
): Promise<void> {
  const { pods, cgroupParent, small } = workbench;
  for (const { cri } of runtimes) await cri.images.pullImage({ image: { image: small.reference } });
  await alternate(runtimes, samples, async (runtime, counts) => {
    const times = await podSample({ cri: runtime.cri, image: small.reference, pods, cgroupParent });
    if (!counts) return;
    for (const operation of podOperations) note(taken, operation, runtime, times[operation]);
    const start = times.RunPodSandbox + times.CreateContainer + times.StartContainer;
    note(taken, "a pod's start (run, create, start)", runtime, start);
    const end = times.StopContainer + times.RemoveContainer + times.StopPodSandbox + times.RemovePodSandbox;
    note(taken, "a pod's end (stop, remove, stop, remove)", runtime, end);
  });
}

async function measurePulls(
  workbench: Workbench,
  runtimes: readonly Runtime[],
  name: "small" | "large",
  samples: number,
  taken: Samples,
): Promise<void> {
  await alternate(runtimes, samples, async (runtime, counts) => {
    const ms = await pullSample(runtime, workbench[name], workbench);
    if (counts) note(taken, `PullImage, ${name} image`, runtime, ms);
  });
}

/** One after the other, and who is first alternates too: what the machine does meanwhile meets both. */
async function alternate(
  runtimes: readonly Runtime[],
  samples: number,
  take: (runtime: Runtime, counts: boolean) => Promise<void>,
): Promise<void> {
  for (let round = -warmUps; round < samples; round++) {
    for (const runtime of round % 2 === 0 ? runtimes : runtimes.toReversed()) {
      await take(runtime, round >= 0);
      await delay(settleMs);
    }
    process.stderr.write(".");
  }
  process.stderr.write("\n");
}

function note(taken: Samples, operation: string, runtime: Runtime, ms: number): void {
  const row = taken.get(operation) ?? { keelsond: [], containerd: [] };
  row[runtime.name].push(ms);
  taken.set(operation, row);
}

function compare(operation: string, of: Record<Runtime["name"], number[]>): Comparison {
  const keelsond = summarize(of.keelsond);
  const containerd = summarize(of.containerd);
  return { operation, keelsond, containerd, ratio: Math.round((keelsond.medianMs / containerd.medianMs) * 100) / 100 };
}

await main();
