// keelsond as the service of docs/operations.md, with the lines that stand there.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ContainerState } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { cgroupOfProcess, cgroupRoot, processesBelow } from "./harness/cgroups.ts";
import { monitorOf } from "./harness/monitors.ts";
import { logFolder, logLines, type Pod, runPod, startContainer } from "./harness/pods.ts";
import { createNode, type TestNode } from "./harness/start-node.ts";

const hasSystemd = existsSync("/run/systemd/system"); // sd_booted(3)
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
const timeout = 180_000; // also for an emulated machine
const keelsond = join(import.meta.dirname, "../../../bin/keelsond");
const counting = "trap 'exit 3' TERM; n=0; while :; do n=$((n+1)); echo $n; usleep 20000; done";

describe.skipIf(linuxGate.skip || !hasSystemd || !isV2)("keelsond as a systemd service", { timeout }, () => {
  const unit = `keelsontest${randomBytes(4).toString("hex")}.service`;
  const unitFile = join("/run/systemd/system", unit);
  const own = join(cgroupRoot, "system.slice", unit);
  let node: TestNode;
  let cri: CriConnection;
  let image: string;
  let pod: Pod;

  const systemctl = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)("systemctl", [...args])).stdout.trim();
  const mainPid = async (): Promise<number> => Number(await systemctl("show", "--value", "--property=MainPID", unit));

  beforeAll(async () => {
    node = await createNode();
    image = await node.push("busybox:latest");
    const { folder, endpoint, root, state } = node;
    const flags = ["--config", join(folder, "config.toml"), "--listen", endpoint, "--root", root, "--state", state];
    const lines = (await documentedLines()).map((line) =>
      line.startsWith("ExecStart=") ? `ExecStart=${[keelsond, ...flags].join(" ")}` : line,
    );
    await writeFile(unitFile, [...lines, "RestartSec=0", ""].join("\n"));
    await systemctl("daemon-reload");
    await systemctl("start", unit);
    cri = await connected(node);
    await cri.images.pullImage({ image: { image } });
    pod = await runPod(cri, { logDirectory: logFolder(folder) });
  }, timeout);

  afterAll(async () => {
    cri.close();
    await systemctl("stop", unit).catch(() => undefined);
    await rm(unitFile, { force: true });
    await systemctl("daemon-reload");
    await node.close(); // by a keelsond of its own
    await until(async () => !existsSync(own));
  }, timeout);

  it("conmon is in a cgroup of its own below the service's, and containers are elsewhere", async () => {
    const id = await startContainer(cri, pod, { name: "place", image });
    expect(await cgroupOfProcess(await mainPid())).toBe(own);
    const monitor = await monitorOf(id);
    expect(await cgroupOfProcess(monitor ?? 0)).toBe(join(own, "monitors"));
    expect((await processesBelow(own)).join("\n")).not.toContain("sleep 3600");
    await cri.runtime.removeContainer({ containerId: id });
    expect(await processesBelow(join(own, "monitors"))).toEqual([]);
  });

  it("containers go on through its restart, its crash and its stop", async () => {
    const id = await startContainer(cri, pod, { name: "lasting", image, script: counting });
    const monitor = await monitorOf(id);
    const { status: before } = await cri.runtime.containerStatus({ containerId: id });
    for (const command of [
      ["restart", unit],
      ["kill", "--kill-whom=main", "--signal=KILL", unit],
      ["stop", unit],
    ]) {
      const pid = await mainPid();
      cri.close();
      await systemctl(...command);
      if (command[0] === "stop") {
        // all of ours has ended with the daemon, but for conmon
        await until(async () => (await processesBelow(own)).length === 1);
        expect((await processesBelow(own))[0]).toContain(id);
        await systemctl("start", unit);
      }
      await until(async () => ![0, pid].includes(await mainPid()));
      cri = await connected(node);
      const { status } = await cri.runtime.containerStatus({ containerId: id });
      expect(status).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, startedAt: before?.startedAt });
      expect(await monitorOf(id)).toBe(monitor);
      const exec = await cri.runtime.execSync({ containerId: id, cmd: ["echo", "here"], timeout: 60n });
      expect(Buffer.from(exec.stdout).toString()).toBe("here\n");
      const next = await startContainer(cri, pod, { name: command[0] ?? "", image });
      expect(await cgroupOfProcess((await monitorOf(next)) ?? 0)).toBe(join(own, "monitors"));
      await cri.runtime.removeContainer({ containerId: next });
    }
    await cri.runtime.stopContainer({ containerId: id, timeout: 60n });
    const { status } = await cri.runtime.containerStatus({ containerId: id });
    expect(status).toMatchObject({ exitCode: 3, reason: "Error" });
    const numbers = (await logLines(status?.logPath ?? "")).map(Number);
    expect(numbers.length).toBeGreaterThan(10);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

/** The lines of the unit in docs/operations.md. */
async function documentedLines(): Promise<readonly string[]> {
  const text = await readFile(join(import.meta.dirname, "../../../docs/operations.md"), "utf8");
  const block = /^```ini\n(\[Service\]\n.*?)^```$/ms.exec(text)?.[1];
  if (block === undefined) throw new Error("docs/operations.md shows no [Service]");
  const lines = block.trim().split("\n");
  expect(lines).toEqual(expect.arrayContaining(["Delegate=yes", "KillMode=process", "TasksMax=infinity"]));
  return lines;
}

/** A connection, as soon as the daemon answers. */
async function connected(node: TestNode): Promise<CriConnection> {
  const found: { cri?: CriConnection } = {};
  await until(async () => {
    try {
      found.cri = await node.connect();
      return true;
    } catch {
      return false; // not yet
    }
  });
  if (found.cri === undefined) throw new Error("there is no connection");
  return found.cri;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeout / 2;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${holds}`);
    await delay(50);
  }
}
