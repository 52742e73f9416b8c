import { readFile, stat, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { exited, logFolder, logLines, runPod, startContainer } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

const kills = process.env.KEELSON_LONG === undefined ? 5 : 20;

describe.skipIf(linuxGate.skip)("keelsond killed and started again", () => {
  let node: TestNode;
  let image: string;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
  }, 60_000);
  afterAll(() => node.close(), 60_000);

  it(`adopts a running container ${kills} times over; its log has no gap`, { timeout: kills * 15_000 }, async () => {
    const first = await node.connect();
    const pod = await runPod(first, { logDirectory: logFolder(node.folder) });
    const id = await startContainer(first, pod, {
      image,
      script: "trap 'exit 3' TERM; n=0; while :; do n=$((n+1)); echo $n; usleep 2000; done",
    });
    const { status: before } = await first.runtime.containerStatus({ containerId: id });
    first.close();
    for (let kill = 0; kill < kills; kill++) {
      await delay(Math.random() * 300);
      await node.stop("SIGKILL");
      await node.start();
      await using cri = await node.connect();
      const { status } = await cri.runtime.containerStatus({ containerId: id });
      expect(status).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, startedAt: before?.startedAt });
      const pods = await cri.runtime.listPodSandbox({ filter: { id: pod.podSandboxId } });
      expect(pods.items.map((one) => one.state)).toEqual([PodSandboxState.SANDBOX_READY]);
      const exec = await cri.runtime.execSync({ containerId: id, cmd: ["echo", "here"], timeout: 10n });
      expect(Buffer.from(exec.stdout).toString()).toBe("here\n");
    }
    await using cri = await node.connect();
    await cri.runtime.stopContainer({ containerId: id, timeout: 10n });
    const status = await exited(cri, id);
    expect(status.exitCode).toBe(3);
    const numbers = (await logLines(status.logPath)).map(Number);
    expect(numbers.length).toBeGreaterThan(100);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    await cri.runtime.stopPodSandbox(pod);
    await cri.runtime.removePodSandbox(pod);
  });

  it("sees an exit that happened while it was down, with its code and time", { timeout: 60_000 }, async () => {
    const first = await node.connect();
    const pod = await runPod(first, { logDirectory: logFolder(node.folder) });
    const id = await startContainer(first, pod, {
      image,
      script: "while [ ! -e /tmp/go ]; do usleep 10000; done; echo last; exit 7",
      extra: {
        mounts: [{ containerPath: "/tmp", hostPath: `${node.folder}/signal` }],
      },
    });
    const { status: running } = await first.runtime.containerStatus({ containerId: id });
    first.close();
    await node.stop("SIGKILL");
    await writeFile(`${node.folder}/signal/go`, "");
    const log = running?.logPath ?? "";
    const deadline = Date.now() + 10_000;
    while (!(await readFile(log, "utf8")).includes("last")) {
      if (Date.now() > deadline) throw new Error("the container wrote nothing");
      await delay(20);
    }
    // the exit file is there as soon as conmon has seen the end; its own process ends after it
    await delay(2500);
    await node.start();
    const cri = await node.connect();
    const status = await exited(cri, id);
    cri.close();
    expect(status).toMatchObject({ exitCode: 7, reason: "Error" });
    const lastLine = (await stat(log)).mtimeMs;
    const finishedMs = Number(status.finishedAt / 1000n) / 1000;
    expect(finishedMs).toBeGreaterThanOrEqual(lastLine - 1);
    expect(finishedMs).toBeLessThan(lastLine + 2000);
    await node.stop();
    await node.start();
    await using after = await node.connect();
    expect((await after.runtime.containerStatus({ containerId: id })).status?.finishedAt).toBe(status.finishedAt);
    await after.runtime.stopPodSandbox(pod);
    await after.runtime.removePodSandbox(pod);
    expect((await after.runtime.listContainers({})).containers).toEqual([]);
  });
});
