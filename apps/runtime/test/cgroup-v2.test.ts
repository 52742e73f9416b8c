// What only nodes with cgroup v2 show: each driver with each OCI runtime, seen from inside of containers and from outside.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ContainerState, type ContainerStats, NamespaceMode } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram } from "../../../packages/linux-engine/src/sys/find-program.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { cgroupOfProcess, cgroupRoot, cgroupsNamed, processesBelow, readCgroup } from "./harness/cgroups.ts";
import { monitorOf } from "./harness/monitors.ts";
import {
  type ContainerOptions,
  exited,
  logFolder,
  logLines,
  type Pod,
  podConfig,
  startContainer,
} from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";

const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
const hasSystemd = existsSync("/run/systemd/system"); // sd_booted(3)
const runtimes = ["crun", "runc"].filter((name) => findProgram(name) !== undefined);
const drivers = hasSystemd ? (["systemd", "cgroupfs"] as const) : (["cgroupfs"] as const);
const timeout = 120_000; // also for an emulated machine
const mebi = 1024n * 1024n;
const hungry = "x=a; while :; do x=$x$x; done";

describe.skipIf(linuxGate.skip || !isV2).each(drivers)("keelsond on cgroup v2 with %s", { timeout }, (driver) => {
  /** The cgroup that a kubelet would have made. */
  const top = `keelsontest${randomBytes(4).toString("hex")}`;
  const parent = driver === "systemd" ? `/${top}.slice/${top}-pod1_2.slice` : `/${top}/pod1-2`;
  let node: TestNode;
  let cri: CriConnection;
  let image: string;

  beforeAll(async () => {
    const handlers = runtimes.map((name) => `[runtimes.${name}]\npath = "${findProgram(name)}"`);
    node = await startNode({ config: [`[cgroup]\ndriver = "${driver}"`, ...handlers].join("\n") });
    image = await node.push("busybox:latest");
    cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
  }, timeout);
  afterAll(async () => {
    cri.close();
    await node.close();
    if (driver === "systemd") await promisify(execFile)("systemctl", ["stop", `${top}.slice`]);
    expect(await cgroupsNamed(top), "of the pods").toEqual([]);
  }, timeout);

  async function restart(how: "SIGTERM" | "SIGKILL", meanwhile: () => Promise<void> = async () => undefined) {
    cri.close();
    await node.stop(how);
    await meanwhile();
    await node.start();
    cri = await node.connect();
  }

  async function runPod(runtimeHandler: string, cgroupParent: string): Promise<Pod> {
    const { POD, NODE, CONTAINER } = NamespaceMode;
    const namespaceOptions = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions: { mode: NODE } };
    const extra = { linux: { cgroupParent, securityContext: { namespaceOptions } } };
    const sandboxConfig = podConfig({ logDirectory: join(logFolder(node.folder), runtimeHandler), extra });
    return { ...(await cri.runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler })), sandboxConfig };
  }
  async function removePod(pod: Pod): Promise<void> {
    await cri.runtime.stopPodSandbox(pod);
    await cri.runtime.removePodSandbox(pod);
  }
  const start = (pod: Pod, options: Partial<ContainerOptions> = {}) => startContainer(cri, pod, { image, ...options });
  const ended = async (pod: Pod, options: Partial<ContainerOptions>) => {
    const status = await exited(cri, await start(pod, options), timeout);
    return { status, text: (await logLines(status.logPath)).join("\n") };
  };
  async function exec(containerId: string, script: string): Promise<string> {
    const cmd = ["sh", "-c", script];
    const { stdout, stderr } = await cri.runtime.execSync({ containerId, cmd, timeout: 60n });
    return Buffer.concat([stdout, stderr]).toString().trim();
  }
  async function statsOf(containerId: string): Promise<ContainerStats> {
    const { stats } = await cri.runtime.containerStats({ containerId });
    if (stats === undefined) throw new Error("no stats");
    return stats;
  }
  /** The folder of the cgroup that a container's first process is in. */
  async function cgroupOf(containerId: string): Promise<string> {
    const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
    const { pid } = JSON.parse(info.info ?? "") as { readonly pid: number };
    return await cgroupOfProcess(pid);
  }

  describe.each(runtimes)("and %s", (runtime) => {
    let pod: Pod;
    beforeAll(async () => {
      pod = await runPod(runtime, parent);
    }, timeout);
    afterAll(async () => {
      const ids = (await cri.runtime.listContainers({ filter: pod })).containers.map(({ id }) => id);
      expect(ids.length).toBeGreaterThan(0);
      await removePod(pod);
      for (const id of ids) expect(await cgroupsNamed(id)).toEqual([]);
    }, timeout);

    it("a container is below its cgroup_parent and gets what the request says", async () => {
      const unified = { "pids.max": "77", "memory.oom.group": "1", "memory.swap.max": "0" };
      const limits = { memoryLimitInBytes: 64n * mebi, cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n };
      const id = await start(pod, { name: "limits", resources: { ...limits, unified } });
      const folder = await cgroupOf(id);
      const own = driver === "systemd" ? `keelson-${id}.scope` : id;
      expect(`${folder}/`.startsWith(`${cgroupRoot}${parent}/${own}/`), folder).toBe(true);
      const want = {
        "memory.max": String(64n * mebi),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "77",
        "cpu.weight": "20", // 1 + (512 - 2) * 9999 / 262142
        "cpu.max": "50000 100000",
      };
      expect(await readCgroup(folder, Object.keys(want))).toEqual(want);
      // of the same files it sees its own, and no more
      const names = Object.keys(want).join(" ");
      expect((await exec(id, `cd /sys/fs/cgroup; cat ${names}`)).split("\n")).toEqual(Object.values(want));
      expect(await exec(id, "cat /proc/1/cgroup")).toBe("0::/");
      expect(await exec(id, "grep ' /sys/fs/cgroup ' /proc/mounts")).toMatch(/cgroup2 ro,/);
      expect(await exec(id, "mkdir /sys/fs/cgroup/x || echo 1 >/sys/fs/cgroup/cgroup.procs")).toMatch(/Read-only/);
      await cri.runtime.removeContainer({ containerId: id });
      expect(await cgroupsNamed(id)).toEqual([]);
    });

    it("its limits change while it runs, all or none, and its figures are those of its cgroup", async () => {
      const limits = { memoryLimitInBytes: 64n * mebi, cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n };
      const script = "x=$(head -c 16777216 /dev/zero | tr '\\0' a); echo ready; sleep 3600; :";
      const id = await start(pod, { name: "changed", resources: limits, script });
      const folder = await cgroupOf(id);
      const names = ["memory.max", "cpu.weight", "cpu.max", "cpuset.cpus", "pids.max"];
      const change = (linux: NonNullable<ContainerOptions["resources"]>) =>
        cri.runtime.updateContainerResources({ containerId: id, linux });
      await change({
        memoryLimitInBytes: 96n * mebi,
        cpuShares: 1024n,
        cpusetCpus: "0",
        unified: { "pids.max": "55" },
      });
      const want = {
        "memory.max": String(96n * mebi),
        "cpu.weight": "39", // 1 + (1024 - 2) * 9999 / 262142
        "cpu.max": "50000 100000",
        "cpuset.cpus": "0",
        "pids.max": "55",
      };
      expect(await readCgroup(folder, names)).toEqual(want);
      await expect(change({ cpuQuota: 30_000n, cpusetCpus: "8000" })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
      await expect
        .poll(async () => (await statsOf(id)).memory?.rssBytes?.value, { timeout })
        .toBeGreaterThan(16n * mebi);
      const killing = change({ cpuQuota: 30_000n, memoryLimitInBytes: 4n * mebi });
      await expect(killing).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      expect(await readCgroup(folder, names)).toEqual(want);
      await change({ cpuQuota: -1n });
      expect(await readCgroup(folder, ["cpu.max"])).toEqual({ "cpu.max": "max 100000" });
      if (driver === "systemd") {
        await promisify(execFile)("systemctl", ["daemon-reload"]); // sets what systemd knows of
        expect(await readCgroup(folder, names)).toEqual({ ...want, "cpu.max": "max 100000" });
      }
      const { cpu, memory, swap } = await statsOf(id);
      const usec = /^usage_usec (\d+)$/m.exec((await readCgroup(folder, ["cpu.stat"]))["cpu.stat"] ?? "")?.[1];
      expect(cpu?.usageCoreNanoSeconds?.value).toBeGreaterThan(0n);
      expect(cpu?.usageCoreNanoSeconds?.value).toBeLessThanOrEqual(BigInt(usec ?? 0) * 1000n);
      expect(memory?.availableBytes?.value).toBe(96n * mebi - (memory?.workingSetBytes?.value ?? 0n));
      expect(swap?.swapUsageBytes?.value).toBe(0n);
      expect(cpu?.psi !== undefined).toBe(existsSync(join(folder, "cpu.pressure")));
      const { stats } = await cri.runtime.podSandboxStats(pod);
      expect(stats?.linux?.memory?.rssBytes?.value).toBeGreaterThan(16n * mebi);
      expect(stats?.linux?.process?.processCount?.value).toBeGreaterThanOrEqual(1n);
      await cri.runtime.removeContainer({ containerId: id });
    });

    it("nothing limits what asks for nothing", async () => {
      const script = "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max";
      const { text } = await ended(pod, { name: "plain", script });
      expect(text).toBe("max\nmax\nmax 100000");
      const { text: swap } = await ended(pod, {
        name: "swap",
        resources: { memoryLimitInBytes: 32n * mebi },
        script: "cat /sys/fs/cgroup/memory.swap.max",
      });
      expect(swap).toBe("0");
    });

    it("other files of the cgroup are refused by name, and values that are none", async () => {
      const create = (unified: Record<string, string>) => start(pod, { name: "refused", resources: { unified } });
      for (const key of ["memory.high", "memory.max", "cpu.weight", "io.max", "cgroup.procs", "../memory.max"]) {
        await expect(create({ [key]: "1" })).rejects.toMatchObject({
          code: "FAILED_PRECONDITION",
          message: expect.stringContaining(key),
        });
      }
      for (const [key, value] of [
        ["pids.max", "-1"],
        ["memory.oom.group", "2"],
      ] as const) {
        await expect(create({ [key]: value })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
    });

    it("a command ends with all that it started, wherever that went; what a finished one left ends with the container", async () => {
      const id = await start(pod, { name: "exec" });
      const folder = await cgroupOf(id);
      expect(await exec(id, "cat /proc/self/cgroup")).toMatch(/^0::\/exec-[0-9a-f]{16}$/);
      await exec(id, "(setsid sleep 4001 >/dev/null 2>&1 &)");
      const cmd = ["sh", "-c", "(setsid sleep 4002 &) ; sleep 4003; true"];
      await expect(cri.runtime.execSync({ containerId: id, cmd, timeout: 3n })).rejects.toMatchObject({
        code: "DEADLINE_EXCEEDED",
      });
      const running = await processesBelow(folder);
      expect(running.filter((argv) => /^sleep 400/.test(argv))).toEqual(["sleep 4001"]);
      await cri.runtime.stopContainer({ containerId: id, timeout: 0n });
      const { status } = await cri.runtime.containerStatus({ containerId: id });
      expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137, reason: "Error" });
      expect(await processesBelow(folder)).toEqual([]);
    });

    it("a container that the kernel killed for want of memory is OOMKilled, each time", async () => {
      const resources = { memoryLimitInBytes: 16n * mebi };
      for (const attempt of [0, 1, 2]) {
        const { status } = await ended(pod, { name: "oom", attempt, resources, script: hungry });
        expect(status).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
      }
      const child = { resources, script: `(${hungry}); exit 5` };
      expect((await ended(pod, { name: "child", ...child })).status.exitCode).toBe(5);
      // all of it goes with one
      const unified = { "memory.oom.group": "1" };
      const { status } = await ended(pod, { name: "group", ...child, resources: { ...resources, unified } });
      expect(status).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    });

    it("it is adopted after a crash of keelsond, and an exit meanwhile is seen", async () => {
      const mounts = [{ containerPath: "/signal", hostPath: join(node.folder, "signal", runtime) }];
      const wait = "while [ ! -e /signal/go ]; do sleep 0.1; done; echo last; exit 7";
      const [lasting, leaving] = [
        await start(pod, { name: "lasting" }),
        await start(pod, { name: "leaving", script: wait, extra: { mounts } }),
      ];
      const folder = await cgroupOf(lasting);
      const { status: before } = await cri.runtime.containerStatus({ containerId: leaving });
      await restart("SIGKILL", async () => {
        await writeFile(join(node.folder, "signal", runtime, "go"), "");
        await monitorGone(leaving);
      });
      const status = await exited(cri, leaving, timeout);
      expect(status).toMatchObject({ exitCode: 7, reason: "Error", startedAt: before?.startedAt });
      const lastLineMs = (await stat(status.logPath)).mtimeMs;
      expect(Number(status.finishedAt / 1_000_000n)).toBeGreaterThanOrEqual(Math.floor(lastLineMs) - 10);
      expect(Number(status.finishedAt / 1_000_000n)).toBeLessThan(lastLineMs + 2_000);
      const { status: still } = await cri.runtime.containerStatus({ containerId: lasting });
      expect(still?.state).toBe(ContainerState.CONTAINER_RUNNING);
      expect(await cgroupOf(lasting)).toBe(folder);
      expect(await exec(lasting, "echo here")).toBe("here");
      await cri.runtime.stopContainer({ containerId: lasting, timeout: 0n });
      expect(await processesBelow(folder)).toEqual([]);
    });

    it("its processes end with its monitor", async () => {
      const id = await start(pod, { name: "orphan", script: "setsid sleep 4004 & exec sleep 4005" });
      const folder = await cgroupOf(id);
      process.kill((await monitorOf(id)) ?? Number.NaN, "SIGKILL");
      expect(await exited(cri, id, timeout)).toMatchObject({ exitCode: 255, reason: "Unknown" });
      expect(await processesBelow(folder)).toEqual([]);
    });

    it("a pod that names no cgroup has one of its own, which goes with it", async () => {
      const own = await runPod(runtime, "");
      const folder = await cgroupOf(await start(own, { name: "main" }));
      const pattern =
        driver === "systemd" ? /^\/sys\/fs\/cgroup\/system\.slice\/system-keelson_/ : /^\/sys\/fs\/cgroup\/keelson-/;
      expect(folder).toMatch(pattern);
      expect(folder).toContain(own.podSandboxId);
      await removePod(own);
      expect(await cgroupsNamed(own.podSandboxId)).toEqual([]);
      if (driver !== "systemd") return;
      const units = await promisify(execFile)("systemctl", [
        "list-units",
        "--all",
        "--plain",
        "--no-legend",
        "*.slice",
        "*.scope",
      ]);
      expect(units.stdout).not.toContain(own.podSandboxId);
    });
  });

  it("a cgroup_parent in the other driver's form is refused", async () => {
    const other = driver === "systemd" ? "/kubepods/pod1" : "/kubepods.slice/kubepods-pod1.slice";
    for (const cgroupParent of [other, ...(driver === "systemd" ? ["a--b.slice", "-a.slice"] : [])]) {
      await expect(runPod("", cgroupParent)).rejects.toMatchObject({
        code: "FAILED_PRECONDITION",
        message: expect.stringContaining("cgroup_parent"),
      });
    }
  });
});

/** Waits until conmon of a container has written down the end and gone. */
async function monitorGone(containerId: string): Promise<void> {
  const deadline = Date.now() + timeout / 2;
  while ((await monitorOf(containerId)) !== undefined) {
    if (Date.now() > deadline) throw new Error(`container ${containerId} does not end`);
    await delay(50);
  }
}
