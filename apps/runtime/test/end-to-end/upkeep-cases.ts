// What a kubelet does with containers that run: it measures them, rotates their logs, changes their limits.
import { access, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Pod, readLog, runPod, statusOf, untilLogged } from "./pod.ts";
import type { Stage } from "./suite.ts";

export function upkeepCases(stage: Stage): void {
  describe("running containers", () => {
    const { draw } = stage;
    let pod: Pod;
    beforeAll(async () => {
      pod = await runPod(stage);
    });
    afterAll(async () => {
      await pod.remove();
    });

    test("are measured alone, in lists by filter, and with their pod", async () => {
      const { runtime } = stage.cri();
      const names = [draw.name(), draw.name()] as const;
      const ids = [await pod.run(names[0]), await pod.run(names[1])] as const;
      const { stats } = await runtime.containerStats({ containerId: ids[0] });
      expect(stats?.attributes).toMatchObject({ id: ids[0], metadata: { name: names[0] } });
      expect(stats?.cpu?.timestamp).toBeGreaterThan(0n);
      expect(stats?.memory?.workingSetBytes?.value).toBeGreaterThan(0n);
      expect(stats?.memory?.usageBytes?.value).toBeGreaterThanOrEqual(stats?.memory?.workingSetBytes?.value ?? 0n);
      const listed = async (filter: { readonly labelSelector?: Record<string, string>; readonly id?: string }) => {
        const list = await runtime.listContainerStats({ filter: { ...filter, podSandboxId: pod.id } });
        return list.stats.map((one) => one.attributes?.id).toSorted();
      };
      expect(await listed({})).toEqual(ids.toSorted());
      expect(await listed({ labelSelector: { "end-to-end": names[1] } })).toEqual([ids[1]]);
      expect(await listed({ id: ids[0].slice(0, 20) })).toEqual([ids[0]]);
      const { stats: ofPod } = await runtime.podSandboxStats({ podSandboxId: pod.id });
      expect(ofPod?.attributes?.metadata?.name).toBe(pod.config.metadata.name);
      expect(ofPod?.linux?.containers.map((one) => one.attributes?.id).toSorted()).toEqual(ids.toSorted());
      expect(ofPod?.linux?.network?.defaultInterface?.name).toBe("eth0");
      expect(ofPod?.linux?.process?.processCount?.value).toBeGreaterThanOrEqual(2n);
      for (const containerId of ids) await runtime.removeContainer({ containerId });
      expect(await listed({})).toEqual([]);
      await expect(runtime.containerStats({ containerId: ids[0] })).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("have their log rotated: what comes later is in the new file, and none of it twice", async () => {
      const { runtime } = stage.cri();
      const [name, first, second] = [draw.name(), draw.text(), draw.text()];
      const containerId = await pod.run(name, {
        log: [{ text: first }],
        stop: { code: 0, log: [{ text: second }] },
      });
      const path = join(pod.config.logDirectory, name, "0.log");
      await untilLogged(path, first);
      await runtime.reopenContainerLog({ containerId });
      expect((await readLog(path)).map((one) => one.text)).toEqual([first]);
      await rename(path, `${path}.1`);
      await runtime.reopenContainerLog({ containerId });
      await access(path);
      await runtime.stopContainer({ containerId, timeout: 20n });
      expect((await readLog(`${path}.1`)).map((one) => one.text)).toEqual([first]);
      expect((await readLog(path)).map((one) => one.text)).toEqual([second]);
      const ended = runtime.reopenContainerLog({ containerId });
      await expect(ended).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      await runtime.removeContainer({ containerId });
    });

    test("get other limits, and keep those that nobody names", async () => {
      const { runtime } = stage.cri();
      const containerId = await pod.create(draw.name());
      await runtime.updateContainerResources({ containerId, linux: { cpuShares: 300n } });
      await runtime.startContainer({ containerId });
      await runtime.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 64n << 20n } });
      const resources = { linux: { cpuShares: 300n, memoryLimitInBytes: 64n << 20n } };
      expect(await statusOf(stage.cri(), containerId)).toMatchObject({ resources });
      const wrong = runtime.updateContainerResources({ containerId, linux: { cpuShares: 400n, cpusetCpus: "2-1" } });
      await expect(wrong).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(await statusOf(stage.cri(), containerId)).toMatchObject({ resources });
      await runtime.removeContainer({ containerId });
    });
  });
}
