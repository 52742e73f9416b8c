import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type ContainerConfig, MountSchema } from "@keelson/cri-api/v1";
import type { SandboxRecord } from "@keelson/runtime-core/ports";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { lastLogTimeNs } from "../src/container/last-log-time.ts";
import { recordedRun } from "../src/container/recorded-steps.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { cgroupProcesses, childCgroups, endCgroup } from "../src/oci/container-cgroup.ts";
import { unmount } from "../src/sys/mount.ts";
import { openProcess, type ProcessHandle } from "../src/sys/pidfd.ts";
import { folderImageId } from "./folder-images.ts";
import { TestNode } from "./test-node.ts";
import { until } from "./until.ts";

const SIGKILL = 9;

function mountTheImage(config: ContainerConfig): void {
  config.mounts = [create(MountSchema, { containerPath: "/image", readonly: true, image: { image: folderImageId } })];
}

describe.skipIf(linuxGate.skip)("a restart of the Linux engine", () => {
  let node: TestNode;
  let pod: SandboxRecord;

  beforeAll(async () => {
    node = new TestNode();
    await node.open();
    pod = await node.runSandbox();
  });
  afterEach(async () => {
    for (const id of [...node.containers.keys()]) await node.remove(id);
  });
  afterAll(() => node.close());

  function runOf(id: string) {
    const run = recordedRun(node.container(id).steps);
    if (run?.facts === undefined) throw new Error(`container ${id} was not started`);
    return { plan: run.plan, facts: run.facts };
  }

  function processOf(recorded: { pid: number; startTime: number }): ProcessHandle {
    const found = openProcess(recorded.pid, recorded.startTime);
    if (found === undefined) throw new Error(`process ${recorded.pid} does not run`);
    return found;
  }

  function argumentsOf(pid: string): string {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return ""; // it ended meanwhile
    }
  }

  it("adopts a running container, whose log has no gap, and tells its end", async () => {
    const script = "i=0; while [ ! -e /tmp/end ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 9";
    const id = await node.run(pod, script);
    await node.untilLogged(id, "stdout 3");
    await node.closeEngine();
    const verdict = (await node.open()).containers.get(id);
    expect(verdict).toEqual({ kind: "running", started: node.container(id).started });
    await node.exec(id, ["/bin/sh", "-c", "echo > /tmp/end"]);
    expect(await node.exit(id)).toMatchObject({ code: 9, reason: "Error" });
    const lines = node.log(id);
    expect(lines).toEqual(lines.map((_, index) => `stdout ${index + 1}`));
  });

  it("sees an end that came while it was down, with its code and the exit file's time", async () => {
    const id = await node.run(pod, "while [ ! -e /tmp/end ]; do sleep 0.01; done; echo last; exit 7");
    await node.closeEngine();
    const { plan, facts } = runOf(id);
    using monitor = processOf(facts.monitor);
    writeFileSync(join(node.state, "rootfs", id, "tmp/end"), "");
    await monitor.exited;
    const lastLine = (await lastLogTimeNs(node.container(id).logPath)) ?? 0n;
    const { mtimeNs } = statSync(join(node.state, "exits", id), { bigint: true });
    const written = mtimeNs > lastLine ? mtimeNs : lastLine;
    for (const life of [1, 2]) {
      const verdict = (await node.open()).containers.get(id);
      expect(verdict, `life ${life}`).toMatchObject({
        kind: "exited",
        started: node.container(id).started,
        exit: { code: 7, reason: "Error", finishedAtNs: written },
      });
      expect(existsSync(facts.cgroup)).toBe(false);
      expect(existsSync(join(plan.runtime.stateFolder, id))).toBe(false);
      await node.closeEngine();
    }
    node.change(id, { exit: { code: 7, finishedAtNs: written, reason: "Error", message: "" } });
    expect((await node.open()).containers.get(id)).toEqual({ kind: "same" });
  });

  it("tells 255 Unknown when conmon is killed, and no process of the container is left", async () => {
    const id = await node.run(pod, "setsid sleep 900 & sleep 901");
    const { facts } = runOf(id);
    using monitor = processOf(facts.monitor);
    using init = processOf(facts.init);
    monitor.signal(SIGKILL);
    expect(await node.exit(id)).toMatchObject({ code: 255, reason: "Unknown" });
    expect(cgroupProcesses(facts.cgroup)).toEqual([]);
    expect(init.isRunning()).toBe(false);
  });

  it("tells the same when conmon was killed while it was down", async () => {
    const id = await node.run(pod, "sleep 901");
    const { facts } = runOf(id);
    await node.closeEngine();
    using monitor = processOf(facts.monitor);
    using init = processOf(facts.init);
    monitor.signal(SIGKILL);
    await monitor.exited;
    expect(init.isRunning()).toBe(true); // it is the engine that ends it
    const verdict = (await node.open()).containers.get(id);
    expect(verdict).toMatchObject({ kind: "exited", exit: { code: 255, reason: "Unknown" } });
    expect(cgroupProcesses(facts.cgroup)).toEqual([]);
    node.change(id, { exit: { code: 255, finishedAtNs: 1n, reason: "Unknown", message: "" } });
  });

  it("reverts a create that was not finished", async () => {
    const id = await node.create(pod, "exit 0", mountTheImage);
    expect(readdirSync(join(node.state, "images", id))).toEqual(["0"]);
    await node.closeEngine();
    const { facts: _facts, ...unfinished } = node.container(id);
    node.containers.set(id, unfinished);
    expect((await node.open()).containers.get(id)).toEqual({ kind: "reverted" });
    expect(node.container(id).steps).toEqual([]);
    for (const folder of ["containers", "rootfs", "images"]) expect(readdirSync(join(node.state, folder))).toEqual([]);
    node.containers.delete(id);
  });

  it("reverts a start that was not finished, so that it can be started again", async () => {
    const id = await node.run(pod, "sleep 900");
    const { facts } = runOf(id);
    await node.closeEngine();
    const { started: _started, ...created } = node.container(id);
    const steps = created.steps.map((one) => (one.name === "run-monitor" ? { name: one.name, plan: one.plan } : one));
    node.containers.set(id, { ...created, steps });
    expect((await node.open()).containers.get(id)).toEqual({ kind: "created" });
    expect(cgroupProcesses(facts.cgroup)).toEqual([]);
    expect(openProcess(facts.monitor.pid, facts.monitor.startTime)).toBeUndefined();
    await node.start(id);
    expect(runOf(id).facts.init.pid).not.toBe(facts.init.pid);
  });

  it("ends commands that its last life did not see to their end, and nothing else", async () => {
    const id = await node.run(pod, "sleep 900");
    await node.exec(id, ["/bin/sh", "-c", "sleep 902 &"]); // left in the background by a command that has ended
    const { facts } = runOf(id);
    const before = cgroupProcesses(facts.cgroup).length;
    const command = expect(node.exec(id, ["sleep", "903"])).rejects.toMatchObject({ code: "INTERNAL" });
    await until(() => cgroupProcesses(facts.cgroup).length !== before);
    await node.closeEngine();
    expect((await node.open()).containers.get(id)).toMatchObject({ kind: "running" });
    await command;
    expect(cgroupProcesses(facts.cgroup)).toHaveLength(before);
  });

  it("ends a command that its last life was just about to start", async () => {
    const id = await node.run(pod, "sleep 900");
    const { plan, facts } = runOf(id);
    const slow = join(node.folder, "slow-runtime");
    writeFileSync(slow, `#!/bin/sh\nsleep 1\nexec ${plan.runtime.path} "$@"\n`, { mode: 0o755 });
    const useRuntime = (path: string): void => {
      const runtime = { ...plan.runtime, path };
      const steps = node
        .container(id)
        .steps.map((one) => (one.name === "run-monitor" ? { ...one, plan: { ...plan, runtime } } : one));
      node.change(id, { steps });
    };
    await node.closeEngine();
    useRuntime(slow);
    await node.open();
    const command = expect(node.exec(id, ["sleep", "904"])).rejects.toMatchObject({ code: "INTERNAL" });
    await until(() => childCgroups(facts.cgroup).length === 1);
    await node.closeEngine();
    useRuntime(plan.runtime.path);
    await node.open();
    await command;
    await delay(1500); // the runtime would have started it by now
    const commands = readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && argumentsOf(pid).includes("\x00904\x00"),
    );
    expect(commands).toEqual([]);
    expect(childCgroups(facts.cgroup)).toEqual([]);
  });

  it("removes what no record names, also when it runs", async () => {
    const id = await node.run(pod, "sleep 900", mountTheImage);
    const { facts } = runOf(id);
    expect(readdirSync(join(node.root, "test-snapshots"))).toEqual(expect.arrayContaining([id, `${id}-0`]));
    await node.closeEngine();
    const record = node.container(id);
    node.containers.delete(id);
    await node.open();
    expect(cgroupProcesses(facts.cgroup)).toEqual([]);
    expect(openProcess(facts.monitor.pid, facts.monitor.startTime)).toBeUndefined();
    expect(existsSync(facts.cgroup)).toBe(false);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(record.id);
    for (const folder of ["containers", "rootfs", "images", "exits"]) {
      expect(readdirSync(join(node.state, folder))).toEqual([]);
    }
    expect(readdirSync(join(node.root, "test-snapshots"))).toEqual([]);
  });

  it("reverts a create of which a loss of power has left no step, with all that it had made", async () => {
    const id = await node.run(pod, "sleep 900");
    const { facts } = runOf(id);
    await node.closeEngine();
    const { facts: _facts, started: _started, ...unfinished } = node.container(id);
    node.containers.set(id, { ...unfinished, steps: [] });
    expect((await node.open()).containers.get(id)).toEqual({ kind: "reverted" });
    node.containers.delete(id);
    expect(openProcess(facts.monitor.pid, facts.monitor.startTime)).toBeUndefined();
    expect(existsSync(facts.cgroup)).toBe(false);
    for (const folder of ["containers", "rootfs", "exits"]) {
      expect(readdirSync(join(node.state, folder))).toEqual([]);
    }
    expect(readdirSync(join(node.root, "test-snapshots"))).toEqual([]);
  });

  it("refuses folders that another engine uses", async () => {
    const twin = new TestNode({ root: node.root, state: join(node.folder, "other") });
    await expect(twin.open()).rejects.toThrow(/process "\d+" has it/);
    rmSync(twin.folder, { recursive: true });
  });

  it("knows a reboot: containers ended, the sandbox is lost, and all can be removed", async () => {
    const id = await node.run(pod, "sleep 900");
    const { plan, facts } = runOf(id);
    await node.closeEngine();
    using monitor = processOf(facts.monitor);
    await endCgroup(readCgroupLayout(), facts.cgroup);
    await monitor.exited;
    // What a reboot takes: mounts, and everything of the state folder.
    const mounted = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "");
    for (const point of mounted.toReversed())
      if (point.startsWith(`${node.state}/`)) await unmount(point, { detach: true });
    rmSync(node.state, { recursive: true });
    const steps = node
      .container(id)
      .steps.map((one) => (one.name === "run-monitor" ? { ...one, plan: { ...plan, bootId: "another boot" } } : one));
    node.change(id, { steps });
    const { containers, sandboxes } = await node.open();
    const verdict = containers.get(id);
    expect(verdict).toMatchObject({ kind: "exited", exit: { code: 255, reason: "Unknown" } });
    expect(sandboxes.get(pod.id)).toMatchObject({ kind: "lost" });
    node.change(id, { exit: { code: 255, finishedAtNs: 1n, reason: "Unknown", message: "" } });
  });
});
