// The client with the containerd of each generation. `npm test` takes bookworm's, KEELSON_PEERS=all those of all four.
import { ContainerState } from "@keelson/cri-api/v1";
import { criVersions } from "@keelson/cri-api/versions";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logLines, startContainer } from "../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, runKubeletPod } from "./harness/kubelet-requests.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, served, titledSuites } from "./harness/peers.ts";
import { everyControllerIsMounted } from "./harness/pod-cgroup.ts";
import { until } from "./harness/until.ts";

describe.each(titledSuites)("containerd %s", { timeout: 60_000 }, (_, suite) => {
  const peer = peers.get(suite);
  const versions = served[suite];
  let node: PeerNode;
  beforeAll(async () => {
    if (peer === undefined) return;
    node = await openPeerNode();
    await node.start(suite);
  }, 60_000);
  afterAll(() => node?.close(), 60_000);

  it.skipIf(peer === undefined)(`makes the client choose ${versions[0]}`, async () => {
    await using cri = await node.connect();
    expect(cri.version).toBe(versions[0]);
    expect(await cri.runtime.version({})).toMatchObject({
      runtimeName: "containerd",
      runtimeVersion: expect.stringContaining(peer?.version ?? ""),
      runtimeApiVersion: cri.version,
    });
  });

  it.skipIf(peer === undefined).each(criVersions)("is asked for %s alone", async (version) => {
    const connecting = node.connect({ versions: [version] });
    if (!versions.includes(version)) {
      await expect(connecting).rejects.toMatchObject({
        code: "UNIMPLEMENTED",
        reason: "NO_COMMON_VERSION",
        message: expect.stringMatching(
          `wanted runtime.${version}.RuntimeService, it serves runtime.${versions[0]}.Runtime`,
        ),
      });
      return;
    }
    await using cri = await connecting;
    expect(cri.version).toBe(version);
    expect((await cri.runtime.status({})).status?.conditions).toContainEqual(
      expect.objectContaining({ type: "RuntimeReady", status: true }),
    );
    expect((await cri.images.imageFsInfo({})).imageFilesystems).not.toEqual([]);
  });

  it.skipIf(peer === undefined).each(versions)("runs a container as a kubelet asks for it, by %s", async (version) => {
    await using cri = await node.connect({ versions: [version] });
    const pod = await runKubeletPod(cri, node);
    const name = `main-${version}`;
    const script = "echo $GREETING; cat /var/run/secrets/token; exec sleep 3600";
    const containerId = await startContainer(cri, pod, await kubeletContainer(cri, node, { name, script }));

    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: pod.podSandboxId } });
    expect(containers).toMatchObject([
      { id: containerId, state: ContainerState.CONTAINER_RUNNING, metadata: { name } },
    ]);
    const { status } = await cri.runtime.containerStatus({ containerId });
    expect(status?.mounts.map(({ containerPath }) => containerPath)).toEqual([
      "/etc/hosts",
      "/dev/termination-log",
      "/var/run/secrets/token",
    ]);
    const exec = await cri.runtime.execSync({
      containerId,
      cmd: ["sh", "-c", "id -u; id -G; cat /etc/hosts"],
      timeout: 10n,
    });
    expect(Buffer.from(exec.stdout).toString()).toBe("0\n0 1234\n127.0.0.1 localhost\n");
    await until("the log is written", 10_000, async () => (await logLines(status?.logPath ?? "")).length >= 2);
    expect(await logLines(status?.logPath ?? "")).toEqual(["hello", "a token"]);
    const { stats } = await cri.runtime.listContainerStats({ filter: { podSandboxId: pod.podSandboxId } });
    expect(stats).toMatchObject([{ attributes: { id: containerId } }]);
    if (await everyControllerIsMounted()) expect(stats[0]?.memory?.workingSetBytes?.value).toBeGreaterThan(0n);

    await cri.runtime.stopContainer({ containerId, timeout: 0n });
    await cri.runtime.removePodSandbox({ podSandboxId: pod.podSandboxId });
    expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
  });

  it.skipIf(peer === undefined)("serves no CRI where its plugin is switched off, until it is on again", async () => {
    await using before = await node.connect();
    await node.start(suite, { cri: false });
    const failure = {
      code: "UNIMPLEMENTED",
      reason: "SERVES_NO_CRI",
      message: expect.stringMatching(/runtime\.v1\.RuntimeService.* runtime\.v1alpha2\.RuntimeService/),
      hint: expect.stringContaining("do not register the node"),
    };
    await expect(node.connect()).rejects.toMatchObject(failure);
    await until("the client notices", 10_000, () => before.state.runtime.name === "serves-no-cri");
    await expect(before.runtime.version({})).rejects.toMatchObject(failure);
    await node.start(suite);
    await until("the client is ready again", 10_000, () => before.state.runtime.name === "ready");
    expect((await before.runtime.version({})).runtimeApiVersion).toBe(versions[0]);
  });
});
