// Names each system call over 5 ms of a pod's start, by strace on the runtime, its threads and all that it starts.
// usage: node bench/syscalls.ts [--containerd PATH] [--starts N] [--folder DIR] [--out FILE]
//   --containerd traces containerd instead of keelsond
import { readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { attachStrace } from "./attach-strace.ts";
import { readCircumstances, withToolVersions } from "./machine.ts";
import { type PodRequest, podSample, type StartedPod, startPod } from "./pod-sample.ts";
import type { SyscallResult } from "./results.ts";
import type { Runtime } from "./runtimes.ts";
import { requestFacts, slowCalls, type TracedStart, thresholdMs } from "./slow-calls.ts";
import { parseStrace } from "./strace-lines.ts";
import { quantile } from "./summary.ts";
import { callTables } from "./tables.ts";
import { withWorkbench } from "./workbench.ts";

const warmUps = 3;
const settleMs = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      containerd: { type: "string" },
      starts: { type: "string", default: "5" },
      folder: { type: "string", default: tmpdir() },
      out: { type: "string", default: join(import.meta.dirname, "results", "syscalls.json") },
    },
  });
  const count = Number(values.starts);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--starts: want 1 or more, got ${values.starts}`);
  const options = { parent: values.folder, keelsond: values.containerd === undefined, containerd: values.containerd };
  await withWorkbench(options, async ({ keelsond, containerd, small, pods, cgroupParent, folder }) => {
    const runtime = keelsond ?? containerd;
    if (runtime === undefined) throw new Error("no runtime was started");
    const circumstances = await readCircumstances(await withToolVersions({ [runtime.name]: runtime.version }));
    const request = { cri: runtime.cri, image: small.reference, pods, cgroupParent };
    await runtime.cri.images.pullImage({ image: { image: small.reference } });
    for (let round = 0; round < warmUps; round++) await podSample(request);
    const starts: TracedStart[] = [];
    while (starts.length < count) {
      await delay(settleMs);
      starts.push(await traceStart(runtime, request, join(folder, "strace")));
    }
    const startsMs = starts.map(({ pod }) => Object.values(pod.times).reduce((sum, ms) => sum + ms, 0));
    const result: SyscallResult = {
      ...circumstances,
      of: runtime.name,
      thresholdMs,
      starts: count,
      tracedStartMs: quantile(startsMs, 0.5),
      requests: starts.slice(-1).flatMap(requestFacts),
      calls: slowCalls(starts, { runtime: runtime.name, folder }),
    };
    await writeFile(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
    process.stdout.write(`${callTables(result)}\n`);
  });
}

async function traceStart(runtime: Runtime, request: PodRequest, file: string): Promise<TracedStart> {
  const own = new Set((await readdir(`/proc/${runtime.pid}/task`)).map(Number));
  const strace = await attachStrace(runtime.pid, file);
  let pod: StartedPod;
  try {
    pod = await startPod(request);
  } finally {
    await strace.detach();
  }
  await runtime.cri.runtime.stopPodSandbox({ podSandboxId: pod.podSandboxId });
  await runtime.cri.runtime.removePodSandbox({ podSandboxId: pod.podSandboxId });
  return { calls: parseStrace(await readFile(file, "utf8")), pod, own };
}

await main();
