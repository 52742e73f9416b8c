// Lists and statistics, keelsond beside containerd: calls per second, latency, CPU of all of a runtime's processes per call.
// usage: node bench/lists.ts --containerd PATH [--slices N] [--slice MS] [--running N] [--listed N] [--folder DIR] [--out FILE]
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { ListResult, MemoryRow } from "./lists/list-result.ts";
import { listTables } from "./lists/list-tables.ts";
import { createContainers, makeStoppedPods, startPods, untilMeasured } from "./lists/listed-objects.ts";
import { measureCalls, measureMemory, openSubject, type Subject } from "./lists/measure-calls.ts";
import { callsOfLongLists, callsOfRunningPods } from "./lists/measured-calls.ts";
import { openDaemonProfiler } from "./lists/profile-daemon.ts";
import { readCircumstances, withToolVersions } from "./machine.ts";
import type { Runtime } from "./runtimes.ts";
import { type Workbench, withWorkbench } from "./workbench.ts";

const { values } = parseArgs({
  options: {
    containerd: { type: "string" },
    slices: { type: "string", default: "4" },
    slice: { type: "string", default: "400" },
    running: { type: "string", default: "30" },
    listed: { type: "string", default: "1000" },
    folder: { type: "string", default: tmpdir() },
    out: { type: "string", default: join(import.meta.dirname, "results/lists.json") },
  },
});
if (values.containerd === undefined) throw new Error("--containerd: want the path of containerd's binary");
const whole = (name: "slices" | "slice" | "running" | "listed", least: number): number => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name}: want ${least} or more, got ${values[name]}`);
  return value;
};
const slices = whole("slices", 1);
const sliceMs = whole("slice", 50);
const running = whole("running", 1);
const listed = whole("listed", running);

const began = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
};

await withWorkbench({ parent: values.folder, keelsond: true, containerd: values.containerd }, async (workbench) => {
  const runtimes = [workbench.keelsond, workbench.containerd].filter((one) => one !== undefined);
  const versions = Object.fromEntries(runtimes.map((one) => [one.name, one.version]));
  const circumstances = await readCircumstances(await withToolVersions(versions));
  const subjects: Subject[] = [];
  try {
    for (const runtime of runtimes) subjects.push(await openSubject(runtime));
    const measured = await measure(workbench, subjects);
    const result: ListResult = { ...circumstances, slices, sliceMs, running, listed, ...measured };
    await writeFile(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
    process.stdout.write(`${listTables(result)}\n`);
  } finally {
    for (const { load } of subjects) await load.close();
  }
  say("removes what was made");
});

async function measure(
  workbench: Workbench,
  subjects: readonly Subject[],
): Promise<Pick<ListResult, "rows" | "memory" | "profiles">> {
  const how = { count: slices, ms: sliceMs, folder: workbench.folder };
  const memory: MemoryRow[] = [await measureMemory(subjects, "nothing", workbench.folder)];
  const podIds = { keelsond: [] as readonly string[], containerd: [] as readonly string[] };
  for (const { runtime } of subjects) {
    await runtime.cri.images.pullImage({ image: { image: workbench.small.reference } });
    podIds[runtime.name] = await startPods(runtime, workbench, running);
    await untilMeasured(runtime, running);
    say(`${runtime.name} has ${running} pods`);
  }
  memory.push(await measureMemory(subjects, `${running} running pods`, workbench.folder));
  const ofPods = callsOfRunningPods(running, {
    keelsond: podIds.keelsond[0] ?? "",
    containerd: podIds.containerd[0] ?? "",
  });
  const rows = [...(await measureCalls(subjects, ofPods, how))];
  say("measured them");
  const ofLists = callsOfLongLists(listed);
  const profiled = [...ofPods, ...ofLists];
  for (const { runtime } of subjects) {
    await createContainers(runtime, workbench, podIds[runtime.name], listed - running);
    await makeStoppedPods(runtime, workbench, listed - running);
    await checkCounts(runtime);
    say(`${runtime.name} has ${listed} pods and ${listed} containers`);
  }
  const all = `${listed.toLocaleString("en")} pods and containers, ${running} of each running`;
  memory.push(await measureMemory(subjects, all, workbench.folder));
  rows.push(...(await measureCalls(subjects, ofLists, how)));
  say("measured long lists");
  const ours = subjects.find(({ runtime }) => runtime.name === "keelsond");
  if (ours === undefined) return { rows, memory, profiles: [] };
  const profiler = await openDaemonProfiler(ours.runtime.pid, ours.runtime.logFile);
  const profiles: ListResult["profiles"][number][] = [];
  for (const call of profiled) profiles.push(await profiler.profile(ours, call));
  profiler.close();
  return { rows, memory, profiles };
}

async function checkCounts({ name, cri }: Runtime): Promise<void> {
  const pods = (await cri.runtime.listPodSandbox({})).items.length;
  const containers = (await cri.runtime.listContainers({})).containers.length;
  if (pods !== listed || containers !== listed)
    throw new Error(`${name} lists ${pods} pods and ${containers} containers, want ${listed} of each`);
}
