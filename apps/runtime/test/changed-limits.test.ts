import { existsSync } from "node:fs";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";
import { type LinuxContainerResourcesSchema, PodSandboxState } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { cgroupFolderOf, readFirst } from "./harness/cgroup-files.ts";
import { containerConfig, type Pod, startContainer } from "./harness/pods.ts";
import { startReadyPod } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

const MiB = 1024n * 1024n;
type Limits = MessageInitShape<typeof LinuxContainerResourcesSchema>;

describe.skipIf(linuxGate.skip)("limits that change while a container lives", () => {
  let node: TestNode;
  let image: string;
  let cri: CriConnection;
  let pod: Pod;
  beforeAll(async () => {
    ({ node, image, cri, pod } = await startReadyPod());
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  const update = (containerId: string, linux: Limits) => cri.runtime.updateContainerResources({ containerId, linux });
  const shown = async (containerId: string) => {
    const { status, info } = await cri.runtime.containerStatus({ containerId, verbose: true });
    const { pid, runtimeSpec } = JSON.parse(info.info ?? "{}") as {
      readonly pid: number;
      readonly runtimeSpec: { readonly linux: { readonly resources: unknown } };
    };
    return { status, pid, spec: runtimeSpec.linux.resources };
  };
  /** What the kernel has: CPU quota and period, shares of v1 or weight of v2, memory, CPUs. */
  const kernel = async (containerId: string) => {
    const { pid } = await shown(containerId);
    const cpu = await cgroupFolderOf(pid, "cpu");
    const max = await readFirst(cpu, "cpu.cfs_quota_us", "cpu.max");
    const cpus = await readFirst(await cgroupFolderOf(pid, "cpuset"), "cpuset.cpus");
    return {
      cpu: max.includes(" ") ? max : `${max} ${await readFirst(cpu, "cpu.cfs_period_us")}`,
      shares: await readFirst(cpu, "cpu.shares", "cpu.weight"),
      memory: await readFirst(await cgroupFolderOf(pid, "memory"), "memory.limit_in_bytes", "memory.max"),
      cpus,
    };
  };

  it("hold in the kernel at once, are shown, keep the rest, and survive a restart of keelsond", {
    timeout: 60_000,
  }, async () => {
    const resources = { cpuPeriod: 100_000n, cpuShares: 512n, memoryLimitInBytes: 64n * MiB, oomScoreAdj: 1000n };
    const id = await startContainer(cri, pod, { name: "running", image, resources });
    const before = await kernel(id);
    expect(before.memory).toBe(String(64n * MiB));
    await update(id, { cpuQuota: 50_000n, memoryLimitInBytes: 128n * MiB, cpusetCpus: "0" });
    expect(await kernel(id)).toEqual({ ...before, cpu: "50000 100000", memory: String(128n * MiB), cpus: "0" });
    await update(id, { cpuShares: 1024n });
    const after = await kernel(id);
    expect(after.shares).not.toBe(before.shares);
    const wanted = { cpuPeriod: 100_000n, cpuQuota: 50_000n, cpuShares: 1024n, memoryLimitInBytes: 128n * MiB };
    const check = async (): Promise<void> => {
      const { status, spec } = await shown(id);
      expect(status?.resources?.linux).toMatchObject({ ...wanted, cpusetCpus: "0", oomScoreAdj: 1000n });
      expect(spec).toMatchObject({ cpu: { shares: 1024, quota: 50_000, cpus: "0" }, memory: { limit: 134_217_728 } });
      expect(await kernel(id)).toEqual(after);
    };
    await check();
    cri.close();
    await node.stop("SIGKILL");
    await node.start();
    cri = await node.connect();
    await check();
    await update(id, { cpuQuota: -1n });
    expect((await kernel(id)).cpu).toMatch(/^(-1|max) 100000$/);
    const { stdout } = await cri.runtime.execSync({ containerId: id, cmd: ["echo", "alive"], timeout: 10n });
    expect(Buffer.from(stdout).toString()).toBe("alive\n");
    await cri.runtime.removeContainer({ containerId: id });
  });

  it.skipIf(!existsSync("/sys/fs/cgroup/hugetlb"))("of huge pages hold at once", { timeout: 20_000 }, async () => {
    const hugepageLimits = [{ pageSize: "2MB", limit: 4n * MiB }];
    const id = await startContainer(cri, pod, { name: "huge", image, resources: { hugepageLimits } });
    const { pid } = await shown(id);
    const limit = async (): Promise<string> =>
      readFirst(await cgroupFolderOf(pid, "hugetlb"), "hugetlb.2MB.limit_in_bytes");
    expect(await limit()).toBe(String(4n * MiB));
    await update(id, { hugepageLimits: [{ pageSize: "2MB", limit: 8n * MiB }] });
    expect(await limit()).toBe(String(8n * MiB));
    await update(id, { cpuShares: 77n });
    expect(await limit()).toBe(String(8n * MiB));
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("hold from the start on when they were changed before it", { timeout: 20_000 }, async () => {
    const config = containerConfig({ name: "created", image, resources: { memoryLimitInBytes: 64n * MiB } });
    const { containerId } = await cri.runtime.createContainer({ ...pod, config });
    await update(containerId, { memoryLimitInBytes: 96n * MiB, cpuQuota: 20_000n });
    await cri.runtime.startContainer({ containerId });
    expect(await kernel(containerId)).toMatchObject({ cpu: "20000 100000", memory: String(96n * MiB) });
    await cri.runtime.removeContainer({ containerId });
  });

  it("stay as they were, all of them, when one can't be kept", { timeout: 20_000 }, async () => {
    const script = "x=$(head -c 33554432 /dev/zero | tr '\\0' a); sleep 3600; :";
    const id = await startContainer(cri, pod, {
      name: "kept",
      image,
      script,
      resources: { memoryLimitInBytes: 256n * MiB },
    });
    const held = async () => (await cri.runtime.containerStats({ containerId: id })).stats?.memory?.rssBytes?.value;
    await expect.poll(held, { timeout: 10_000 }).toBeGreaterThan(32n * MiB);
    const before = await kernel(id);
    const refusals: [string, Limits][] = [
      ["INVALID_ARGUMENT", { cpuShares: 2n ** 40n }],
      ["INVALID_ARGUMENT", { cpuQuota: 30_000n, cpusetCpus: "8000" }],
      ["FAILED_PRECONDITION", { cpuQuota: 30_000n, unified: { "memory.high": "1" } }],
      ["FAILED_PRECONDITION", { cpuQuota: 30_000n, memoryLimitInBytes: 8n * MiB }], // more is in use
    ];
    for (const [code, limits] of refusals) {
      const error: unknown = await update(id, limits).then(undefined, (failure: unknown) => failure);
      expect(isCriError(error) ? error.code : String(error)).toBe(code);
      expect(await kernel(id)).toEqual(before);
    }
    expect((await shown(id)).status?.resources?.linux).toMatchObject({ cpuQuota: 0n, memoryLimitInBytes: 256n * MiB });
    await cri.runtime.stopContainer({ containerId: id, timeout: 0n });
    await expect(update(id, { cpuShares: 5n })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await cri.runtime.removeContainer({ containerId: id });
  });

  it("of a pod are noted, and NOT_FOUND for a pod that is not there", async () => {
    const { podSandboxId } = pod;
    await cri.runtime.updatePodSandboxResources({
      podSandboxId,
      overhead: { cpuShares: 3n },
      resources: { cpuShares: 4n },
    });
    const { info, status } = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
    expect(status?.state).toBe(PodSandboxState.SANDBOX_READY);
    const { config } = JSON.parse(info.info ?? "{}") as { readonly config: { readonly linux: unknown } };
    expect(config.linux).toMatchObject({ overhead: { cpu_shares: "3" }, resources: { cpu_shares: "4" } });
    const unknown = cri.runtime.updatePodSandboxResources({ podSandboxId: "f".repeat(64) });
    await expect(unknown).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
