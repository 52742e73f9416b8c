import { join } from "node:path";
import { CgroupDriver, ContainerState, PodSandboxState, Signal } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { busyboxImage } from "@keelson/image-store/build";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { imageOn } from "./harness/image-on.ts";
import { containerConfig, exited, logFolder, type Pod, runPod, startContainer } from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";

describe.skipIf(linuxGate.skip)("what keelsond answers", { timeout: 60_000 }, () => {
  let node: TestNode;
  let cri: CriConnection;
  let pod: Pod;
  let image: string;
  beforeAll(async () => {
    node = await startNode();
    const entries = [{ path: "etc/passwd", content: "app:x:7:8::/:/bin/sh\n" }] as const;
    image = await node.push("quits:1", imageOn(busyboxImage(), entries, { StopSignal: "SIGQUIT", User: "app" }));
    cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
    const annotations = { "a/b": "line\nline", empty: "" };
    pod = await runPod(cri, { logDirectory: logFolder(node.folder), extra: { annotations } });
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  const shown = (info: Readonly<Record<string, string>>): Record<string, unknown> => JSON.parse(info.info ?? "");

  it("of a container: image, user, signal, log, times and what tools read from containerd's verbose info", async () => {
    const resources = { memoryLimitInBytes: 64n * 1024n * 1024n, cpuQuota: 50_000n };
    const options = { name: "shown", image, resources, script: "trap 'exit 3' QUIT; while :; do sleep 0.05; done" };
    const containerId = await startContainer(cri, pod, options);
    const { image: found } = await cri.images.imageStatus({ image: { image } });
    const { status, info } = await cri.runtime.containerStatus({ containerId, verbose: true });
    expect(status).toMatchObject({
      image: { image },
      imageId: found?.id,
      imageRef: found?.repoDigests[0],
      logPath: join(logFolder(node.folder), "shown", "0.log"),
      stopSignal: Signal.SIGQUIT,
      user: { linux: { uid: 7n, gid: 8n, supplementalGroups: [8n] } },
      resources: { linux: resources },
    });
    const [listed] = (await cri.runtime.listContainers({ filter: { id: containerId } })).containers;
    expect(listed).toMatchObject({ imageId: found?.id, imageRef: found?.id });
    expect(shown(info)).toMatchObject({
      sandboxID: pod.podSandboxId,
      pid: expect.any(Number),
      removing: false,
      snapshotKey: containerId,
      snapshotter: "overlayfs",
      runtimeType: expect.any(String),
      runtimeOptions: expect.any(Object),
      config: { metadata: { name: "shown" }, image: { image } },
      runtimeSpec: { ociVersion: expect.any(String), process: { user: { uid: 7, gid: 8 } }, linux: {} },
    });
    expect(shown(info).pid).toBeGreaterThan(1);
    // the image's signal is what a stop sends
    await cri.runtime.stopContainer({ containerId, timeout: 30n });
    const ended = await cri.runtime.containerStatus({ containerId, verbose: true });
    expect(ended.status).toMatchObject({ exitCode: 3, reason: "Error", stopSignal: Signal.SIGQUIT });
    expect(shown(ended.info)).toMatchObject({ pid: 0, snapshotKey: containerId });
    const { createdAt = 0n, startedAt = 0n, finishedAt = 0n } = ended.status ?? {};
    expect([startedAt > createdAt, finishedAt > startedAt]).toEqual([true, true]);
    await cri.runtime.removeContainer({ containerId });
  });

  it("of a sandbox: its containers' statuses, addresses until its stop, and containerd's verbose info", async () => {
    const own = await runPod(cri, { logDirectory: logFolder(node.folder), extra: { annotations: { k: "v\n" } } });
    const { podSandboxId } = own;
    const containerId = await startContainer(cri, own, { name: "inside", image });
    const { status, info, containersStatuses, timestamp } = await cri.runtime.podSandboxStatus({
      podSandboxId,
      verbose: true,
    });
    const ip = status?.network?.ip ?? "";
    expect(status).toMatchObject({
      state: PodSandboxState.SANDBOX_READY,
      annotations: { k: "v\n" },
      runtimeHandler: "",
    });
    expect(ip).toMatch(/^10\./);
    expect(containersStatuses).toEqual([(await cri.runtime.containerStatus({ containerId })).status]);
    expect(timestamp).toBeGreaterThanOrEqual(status?.createdAt ?? 0n);
    expect(shown(info)).toMatchObject({
      pid: 0,
      processStatus: "",
      netNamespaceClosed: false,
      image: "",
      snapshotKey: "",
      snapshotter: "",
      runtimeHandler: "",
      runtimeType: expect.any(String),
      config: { metadata: { name: own.sandboxConfig.metadata?.name } },
      runtimeSpec: { hostname: own.sandboxConfig.hostname },
      cniResult: { Interfaces: { eth0: { IPConfigs: [{ IP: ip }] } } },
      sandboxMetadata: { Metadata: { ID: podSandboxId, IP: ip, NetNSPath: expect.stringMatching(/^\//) } },
    });
    await cri.runtime.stopPodSandbox({ podSandboxId });
    const stopped = await cri.runtime.podSandboxStatus({ podSandboxId });
    expect(stopped.status).toMatchObject({
      state: PodSandboxState.SANDBOX_NOTREADY,
      network: { ip: "", additionalIps: [] },
    });
    expect(stopped.containersStatuses[0]).toMatchObject({ id: containerId, exitCode: 137, reason: "Error" });
    await cri.runtime.removePodSandbox({ podSandboxId });
  });

  it("of images and the node: the user by name, both lists of file systems, both conditions, the handler without a name", async () => {
    expect((await cri.images.imageStatus({ image: { image } })).image).toMatchObject({ username: "app" });
    expect(await cri.images.imageStatus({ image: { image: "not/here" } })).not.toHaveProperty("image");
    for (const list of Object.values(await cri.images.imageFsInfo({})).filter((one) => Array.isArray(one))) {
      expect(list).toMatchObject([{ fsId: { mountpoint: expect.stringContaining(node.root) } }]);
    }
    const { status, runtimeHandlers, features, info } = await cri.runtime.status({ verbose: true });
    expect(status?.conditions).toMatchObject([
      { type: "RuntimeReady", status: true },
      { type: "NetworkReady", status: true },
    ]);
    expect(runtimeHandlers).toMatchObject([{ name: "", features: { userNamespaces: expect.any(Boolean) } }]);
    expect(features).toMatchObject({ supplementalGroupsPolicy: true, mountOptions: expect.any(Boolean) });
    expect(shown(info)).toMatchObject({ config: { root: node.root }, cni: { network: { name: "test" } } });
    const { linux } = await cri.runtime.runtimeConfig({});
    expect([CgroupDriver.SYSTEMD, CgroupDriver.CGROUPFS]).toContain(linux?.cgroupDriver);
  });

  it("while a graceful stop waits, as at any time; a second stop shortens it, and both return", async () => {
    const options = { name: "slow", image, script: "trap '' QUIT; touch /tmp/ready; while :; do sleep 0.05; done" };
    const containerId = await startContainer(cri, pod, options);
    const ready = () => cri.runtime.execSync({ containerId, cmd: ["test", "-e", "/tmp/ready"] });
    await expect.poll(async () => (await ready()).exitCode).toBe(0);
    const began = performance.now();
    const first = cri.runtime.stopContainer({ containerId, timeout: 30n });
    const answers = await Promise.all([
      cri.runtime.containerStatus({ containerId, verbose: true }),
      cri.runtime.podSandboxStatus({ podSandboxId: pod.podSandboxId }),
      cri.runtime.listContainers({ filter: { id: containerId } }),
      cri.runtime.listPodSandbox({}),
      cri.runtime.execSync({ containerId, cmd: ["echo", "still here"] }),
      cri.runtime.reopenContainerLog({ containerId }),
      cri.runtime.status({}),
    ]);
    expect(answers[0].status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    expect(Buffer.from(answers[4].stdout).toString()).toBe("still here\n");
    const second = cri.runtime.stopContainer({ containerId, timeout: 1n });
    const third = cri.runtime.stopContainer({ containerId, timeout: 60n });
    await Promise.all([first, second, third]);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await exited(cri, containerId)).toMatchObject({ exitCode: 137, reason: "Error" });
    await cri.runtime.removeContainer({ containerId });
  });

  it("to a create in a sandbox that stops: refused, or what was made never runs and goes with the sandbox", async () => {
    const own = await runPod(cri, { logDirectory: logFolder(node.folder) });
    const creates = Array.from({ length: 8 }, (_, index) =>
      cri.runtime.createContainer({ ...own, config: containerConfig({ image, name: `late-${index}` }) }),
    );
    const stop = cri.runtime.stopPodSandbox({ podSandboxId: own.podSandboxId });
    const made = await Promise.allSettled(creates);
    await stop;
    for (const one of made) {
      const start =
        one.status === "rejected"
          ? Promise.reject(one.reason)
          : cri.runtime.startContainer({ containerId: one.value.containerId });
      await expect(start).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    }
    await cri.runtime.removePodSandbox({ podSandboxId: own.podSandboxId });
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: own.podSandboxId } });
    expect(containers).toEqual([]);
  });
});
