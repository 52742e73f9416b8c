import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PsiStats } from "@keelson/cri-api/v1";
import { expect, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";

/** A container that gets a tenth of a CPU, so that it waits. */
const scarce = { resources: { cpuPeriod: 100_000n, cpuQuota: 10_000n } };
const burn = { inside: "timeout 3 sh -c 'while :; do :; done' || true", recorded: () => "" };

export const pressureOfAContainer: Case = defineCase({
  name: "ContainerStats tells how long a container has waited for CPU, memory and disks, as the kernel counts it",
  cites: "runtime.v1 PsiStats: unset where the kernel does not count; PsiData: nanoseconds, per cent; KEP-4205",
  covers: [
    "ContainerStats.io",
    "CpuUsage.psi",
    "MemoryUsage.psi",
    "IoUsage.timestamp",
    "IoUsage.psi",
    "PsiStats.Some",
    "PsiStats.Full",
    "PsiData.Total",
    "PsiData.Avg10",
    "PsiData.Avg60",
    "PsiData.Avg300",
  ],
  async run({ cri, pod, until }) {
    const c = await pod.start(scarce);
    await c.observe(burn);
    const { createdAt } = await c.status();
    await until("its pressure is the kernel's", async () => {
      const before = await kernelPressure(c);
      const { stats } = await cri.containerStats({ containerId: c.id });
      const after = await kernelPressure(c);
      const told = { cpu: stats?.cpu?.psi, memory: stats?.memory?.psi, io: stats?.io?.psi };
      if (before === "uncounted") {
        expect(told).toEqual({ cpu: undefined, memory: undefined, io: undefined });
        return true;
      }
      for (const psi of Object.values(told)) if (psi?.Some === undefined || psi.Full === undefined) fail(`got ${psi}`);
      expect(stats?.io?.timestamp).toBeGreaterThan(createdAt);
      for (const one of [told.cpu?.Some, told.cpu?.Full]) {
        for (const average of [one?.Avg10, one?.Avg60, one?.Avg300]) expect(average).toBeLessThan(101);
        expect(one?.Total).toBeLessThan(BigInt(Date.now()) * 1_000_000n - createdAt);
      }
      if (before === "simulated") return waited(told.cpu);
      for (const kind of ["cpu", "memory", "io"] as const) expectBetween(told[kind], before[kind], after, kind);
      // averages are made every two seconds
      return same(told.cpu, before.cpu) && waited(told.cpu);
    });
  },
});

export const pressureOfASandbox: Case = defineCase({
  name: "PodSandboxStats tells how long a pod's containers have waited for CPU, memory and disks",
  cites: "runtime.v1 LinuxPodSandboxStats.io, IoUsage.psi: unset on cgroup v1; KEP-4205",
  covers: ["LinuxPodSandboxStats.io", "IoUsage.timestamp", "IoUsage.psi"],
  async run({ cri, pod }) {
    const c = await pod.start(scarce);
    await c.observe(burn);
    const { linux } = (await cri.podSandboxStats({ podSandboxId: pod.id })).stats ?? {};
    const told = { cpu: linux?.cpu?.psi, memory: linux?.memory?.psi, io: linux?.io?.psi };
    if ((await kernelPressure(c)) === "uncounted") {
      expect(told).toEqual({ cpu: undefined, memory: undefined, io: undefined });
      return;
    }
    for (const psi of Object.values(told)) expect(psi?.Some?.Total).toBeAtLeast(0n);
    expect(told.cpu?.Some?.Total).toBeGreaterThan(0n);
    expect(linux?.io?.timestamp).toBeGreaterThan((await pod.status()).createdAt);
  },
});

type Kind = "cpu" | "memory" | "io";

/** The `*.pressure` files of a container's cgroup, which only cgroup2 has, also where it stands beside v1. */
async function kernelPressure(c: Container): Promise<Readonly<Record<Kind, PsiText>> | "uncounted" | "simulated"> {
  const { pid } = await c.info();
  if (pid === 0) return "simulated";
  const [, path = ""] = /^0::(.*)$/m.exec(await readFile(`/proc/${pid}/cgroup`, "utf8")) ?? [];
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    // that of the pod is above it: one that is at the root is in no cgroup of its own
    if (path === "" || dirname(path) === "/") continue;
    const read = (kind: Kind): Promise<PsiText | undefined> => readPressure(join(root, path, `${kind}.pressure`));
    const [cpu, memory, io] = [await read("cpu"), await read("memory"), await read("io")];
    if (cpu !== undefined && memory !== undefined && io !== undefined) return { cpu, memory, io };
  }
  return "uncounted";
}

/** A line of a pressure file, in its units: per cent and microseconds. */
type PsiLine = readonly [avg10: number, avg60: number, avg300: number, totalUs: bigint];
type PsiText = { readonly some: PsiLine; readonly full: PsiLine };

async function readPressure(file: string): Promise<PsiText | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const line = (kind: string): PsiLine | undefined => {
    const found = new RegExp(`^${kind} avg10=(.*) avg60=(.*) avg300=(.*) total=(.*)$`, "m").exec(text ?? "");
    if (found === null) return undefined;
    const [, avg10, avg60, avg300, total = "0"] = found;
    return [Number(avg10), Number(avg60), Number(avg300), BigInt(total)];
  };
  const [some, full] = [line("some"), line("full")];
  return some === undefined || full === undefined ? undefined : { some, full };
}

function expectBetween(
  told: PsiStats | undefined,
  before: PsiText,
  after: Awaited<ReturnType<typeof kernelPressure>>,
  kind: Kind,
): void {
  if (typeof after === "string") fail(`the kernel no longer counts ${kind}`);
  for (const [got, low, high] of [
    [told?.Some, before.some, after[kind].some],
    [told?.Full, before.full, after[kind].full],
  ] as const) {
    expect(got?.Total, kind).toBeAtLeast(low[3] * 1000n);
    expect(got?.Total, kind).toBeLessThan(high[3] * 1000n + 1n);
  }
}

function same(told: PsiStats | undefined, kernel: PsiText): boolean {
  return [[told?.Some, kernel.some] as const, [told?.Full, kernel.full] as const].every(
    ([got, [avg10, avg60, avg300]]) => got?.Avg10 === avg10 && got.Avg60 === avg60 && got.Avg300 === avg300,
  );
}

function waited(told: PsiStats | undefined): boolean {
  return [told?.Some, told?.Full].every(
    (one) => one !== undefined && one.Total > 0n && one.Avg10 > 0 && one.Avg60 > 0 && one.Avg300 > 0,
  );
}
