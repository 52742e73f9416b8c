import { readFile, rename, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseLogLine } from "@keelson/cri-api/logs";
import { ContainerState } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { logFolder, runPod, startContainer } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

/** The numbers that a container wrote, over the files of its log in their order; what was written in parts is one. */
async function numbersIn(files: readonly string[]): Promise<readonly number[]> {
  const numbers: number[] = [];
  let begun = "";
  for (const file of files) {
    for (const line of (await readFile(file, "utf8")).split("\n").slice(0, -1)) {
      const { text = "", partial } = parseLogLine(line) ?? {};
      begun += text;
      if (partial === true) continue;
      numbers.push(Number(begun));
      begun = "";
    }
  }
  return numbers;
}

describe.skipIf(linuxGate.skip)("the log of a container that writes at full speed, rotated as a kubelet does", () => {
  let node: TestNode;
  let image: string;
  let cri: CriConnection;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
    cri = await node.connect();
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  it("has every line once, over restarts of keelsond and while a graceful stop runs", {
    timeout: 120_000,
  }, async () => {
    const pod = await runPod(cri, { logDirectory: logFolder(node.folder) });
    const script =
      "trap 'stopping=1' TERM; n=0; while :; do n=$((n+1)); echo $n; [ -e /end ] && [ -n \"$stopping\" ] && exit 0; done";
    const containerId = await startContainer(cri, pod, { image, script });
    const { status } = await cri.runtime.containerStatus({ containerId });
    const path = status?.logPath ?? "";
    const files: string[] = [];
    const rotate = async (): Promise<void> => {
      const deadline = Date.now() + 20_000;
      while ((await stat(path)).size < 20_000) {
        if (Date.now() > deadline) throw new Error("the log does not grow");
        await delay(5);
      }
      const rotated = `${path}.${files.length}`;
      await rename(path, rotated);
      files.push(rotated);
      await cri.runtime.reopenContainerLog({ containerId });
    };
    await rotate();
    await rotate();
    cri.close();
    await node.stop("SIGKILL");
    await node.start();
    cri = await node.connect();
    await rotate();
    // a caller whose answer was lost asks again
    await cri.runtime.reopenContainerLog({ containerId });

    const stop = cri.runtime.stopContainer({ containerId, timeout: 60n });
    await rotate();
    await rotate();
    expect((await cri.runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await cri.runtime.execSync({ containerId, cmd: ["touch", "/end"], timeout: 10n });
    await stop;
    await expect(cri.runtime.reopenContainerLog({ containerId })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
    });

    const numbers = await numbersIn([...files, path]);
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.findIndex((number, index) => number !== index + 1)).toBe(-1);
    await cri.runtime.removePodSandbox(pod);
  });
});
