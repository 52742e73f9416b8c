import { ContainerState, MountPropagation, PodSandboxState, Signal } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import {
  type ContainerScript,
  createManualClock,
  createMemoryLogs,
  createSimulatedEngine,
  createSimulatedWorld,
  type ManualClock,
  type Script,
} from "../src/sim/index.ts";
import {
  busybox,
  type CoreHarness,
  containerConfig,
  failure,
  openCore,
  podConfig,
  runContainer,
  untilExited,
} from "./core-harness.ts";

/** A core over a simulated node whose registry and handlers the script names. */
async function openScripted(script: Script): Promise<CoreHarness> {
  const clock = createManualClock();
  const world = createSimulatedWorld();
  const over = () => createSimulatedEngine({ clock, world, logs: createMemoryLogs(), script });
  return await openCore({ clock, world, over });
}

/** A clock that somebody sets back: the time that it tells jumps, its timers don't. */
function unsteadyClock(): { readonly clock: ManualClock; setBack(ms: number): void } {
  const steady = createManualClock();
  let backNs = 0n;
  return {
    clock: {
      now: () => steady.now() - backNs,
      after: (delayMs, run) => steady.after(delayMs, run),
      advance: (ms) => steady.advance(ms),
      untilPending: (count) => steady.untilPending(count),
      get pending() {
        return steady.pending;
      },
    },
    setBack(ms) {
      backNs += BigInt(ms) * 1_000_000n;
    },
  };
}

describe("PodSandboxStatus", () => {
  it("shows labels and annotations unaltered, the containers' statuses as theirs, and no address after the stop", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const annotations = JSON.parse('{"a/b":"line\\nline","__proto__":"x","empty":"","ü":"\\u0001"}');
    const { podSandboxId } = await runtime.runPodSandbox({
      config: podConfig("pod", { annotations, labels: { "": "no name" } }),
    });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    await runtime.startContainer({ containerId });
    await clock.advance(1000);
    const { status, containersStatuses, timestamp } = await runtime.podSandboxStatus({ podSandboxId });
    expect(Object.entries(status?.annotations ?? {})).toEqual(Object.entries(annotations));
    expect(status?.labels).toEqual({ "": "no name" });
    expect(status?.network?.ip).not.toBe("");
    expect(timestamp).toBe(clock.now());
    expect(containersStatuses).toEqual([(await runtime.containerStatus({ containerId })).status]);
    await runtime.stopPodSandbox({ podSandboxId });
    const stopped = await runtime.podSandboxStatus({ podSandboxId });
    expect(stopped.status).toMatchObject({
      state: PodSandboxState.SANDBOX_NOTREADY,
      network: { ip: "", additionalIps: [] },
      createdAt: status?.createdAt,
    });
    expect(stopped.containersStatuses[0]).toMatchObject({ id: containerId, state: ContainerState.CONTAINER_EXITED });
  });
});

describe("ContainerStatus", () => {
  it.each<[string, ContainerScript, object]>([
    ["0", { exit: { code: 0 } }, { exitCode: 0, reason: "Completed" }],
    ["another code", { exit: { code: 42 } }, { exitCode: 42, reason: "Error" }],
    ["a want of memory", { exit: { code: 137, oomKilled: true } }, { exitCode: 137, reason: "OOMKilled" }],
  ])("tells an end with %s", async (_with, script, wanted) => {
    const harness = await openCore();
    const { containerId } = await runContainer(harness, script);
    await untilExited(harness.core, containerId);
    expect((await harness.runtime.containerStatus({ containerId })).status).toMatchObject(wanted);
  });

  it("tells an end by a signal as 128 + its number", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness);
    await runtime.stopContainer({ containerId, timeout: 0n });
    expect((await runtime.containerStatus({ containerId })).status).toMatchObject({ exitCode: 137, reason: "Error" });
  });

  it("tells the signal that a stop sends: the configuration's, else the image's, else SIGTERM", async () => {
    const images = [
      { ref: "quits:1", stopSignal: "SIGQUIT" },
      { ref: "real-time:1", stopSignal: "SIGRTMIN+3" },
      { ref: busybox, stopSignal: "TERM" },
    ];
    const { runtime, images: store } = await openScripted({ images });
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const signalOf = async (name: string, image: string, stopSignal?: Signal): Promise<Signal | undefined> => {
      await store.pullImage({ image: { image } });
      const config = containerConfig(name, { image: { image }, ...(stopSignal && { stopSignal }) });
      const { containerId } = await runtime.createContainer({ podSandboxId, config });
      return (await runtime.containerStatus({ containerId })).status?.stopSignal;
    };
    expect(await signalOf("image", "quits:1")).toBe(Signal.SIGQUIT);
    expect(await signalOf("real-time", "real-time:1")).toBe(Signal.SIGRTMINPLUS3);
    expect(await signalOf("config", "quits:1", Signal.SIGUSR2)).toBe(Signal.SIGUSR2);
    expect(await signalOf("neither", busybox)).toBe(Signal.SIGTERM);
  });

  it("tells the same signal after a restart of the runtime", async () => {
    const before = await openCore();
    const { containerId } = await runContainer(before);
    const store = before.store.crash();
    const { runtime } = await openCore({ world: before.world, clock: before.clock, store });
    expect((await runtime.containerStatus({ containerId })).status?.stopSignal).toBe(Signal.SIGTERM);
  });

  it("shows mounts as they were asked for, and of a mounted image the ID", async () => {
    const { runtime, images } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const mounts = [
      {
        containerPath: "/a",
        hostPath: "/srv/a",
        readonly: true,
        selinuxRelabel: true,
        recursiveReadOnly: true,
        uidMappings: [{ hostId: 1, containerId: 2, length: 3 }],
      },
      { containerPath: "/b", hostPath: "/srv/b", propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL },
      { containerPath: "/image", readonly: true, image: { image: busybox }, imageSubPath: "bin" },
    ];
    const { containerId } = await runtime.createContainer({
      podSandboxId,
      config: containerConfig("main", { mounts }),
    });
    const id = (await images.imageStatus({ image: { image: busybox } })).image?.id;
    const [host, both, image] = (await runtime.containerStatus({ containerId })).status?.mounts ?? [];
    expect([host, both]).toMatchObject(mounts.slice(0, 2));
    expect(image).toMatchObject({ ...mounts[2], image: { image: busybox, imageRef: id } });
    const create = (mount: object) =>
      runtime.createContainer({
        podSandboxId,
        config: containerConfig("other", { mounts: [{ ...mounts[2], ...mount }] }),
      });
    await failure(create({ image: { image: "not/here" } }), "NOT_FOUND");
    for (const wrong of [{ readonly: false }, { hostPath: "/srv" }, { imageSubPath: "../a" }, { imageSubPath: "/a" }]) {
      await failure(create(wrong), "INVALID_ARGUMENT");
    }
  });

  it("tells under containerd's keys, when it is verbose, what tools read", async () => {
    const { runtime } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig("pod", { hostname: "web-0" }) });
    const config = containerConfig("main", {
      command: ["/bin/app"],
      args: ["--serve"],
      envs: [{ key: "A", value: new TextEncoder().encode("ü") }],
      linux: { securityContext: { runAsUser: { value: 7n } } },
    });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    const { info } = await runtime.containerStatus({ containerId, verbose: true });
    expect(JSON.parse(info.info ?? "")).toMatchObject({
      sandboxID: podSandboxId,
      pid: 0,
      removing: false,
      snapshotKey: containerId,
      snapshotter: expect.any(String),
      runtimeType: expect.any(String),
      config: { metadata: { name: "main" } },
      runtimeSpec: { process: { args: ["/bin/app", "--serve"], env: ["A=ü"], cwd: "/", user: { uid: 7, gid: 0 } } },
    });
    const pod = await runtime.podSandboxStatus({ podSandboxId, verbose: true });
    expect(JSON.parse(pod.info.info ?? "")).toMatchObject({
      pid: 0,
      netNamespaceClosed: false,
      runtimeHandler: "",
      config: { hostname: "web-0" },
      runtimeSpec: { hostname: "web-0" },
      sandboxMetadata: { Metadata: { ID: podSandboxId, IP: pod.status?.network?.ip } },
    });
  });

  it("names the image by repo@digest and by Image.id, and a list by the ID alone", async () => {
    const harness = await openCore();
    const { runtime, images } = harness;
    const { containerId } = await runContainer(harness);
    const { image } = await images.imageStatus({ image: { image: busybox } });
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ imageId: image?.id, imageRef: image?.repoDigests[0] });
    const [item] = (await runtime.listContainers({})).containers;
    expect(item).toMatchObject({ imageId: image?.id, imageRef: image?.id });
  });

  it("shows times that never go backwards, though the clock does", async () => {
    const { clock, setBack } = unsteadyClock();
    const { runtime, core } = await openCore({ clock });
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    setBack(3_600_000);
    await runtime.startContainer({ containerId });
    setBack(3_600_000);
    await runtime.stopContainer({ containerId, timeout: 0n });
    await untilExited(core, containerId);
    const { status } = await runtime.containerStatus({ containerId });
    expect(status?.startedAt).toBeGreaterThanOrEqual(status?.createdAt ?? 0n);
    expect(status?.finishedAt).toBeGreaterThanOrEqual(status?.startedAt ?? 0n);
    expect(status?.createdAt).toBeGreaterThan(0n);
  });
});

describe("images", () => {
  it("show the user that they name: a number as uid, a name as username, of user:group the user", async () => {
    const users = { "1002": { uid: 1002n }, "www-data": { username: "www-data" }, "7:100": { uid: 7n }, "": {} };
    const refs = Object.keys(users).map((user, index) => ({ ref: `user-${index}:1`, user }));
    const { images } = await openScripted({ images: [{ ref: busybox }, ...refs] });
    for (const [index, wanted] of Object.values(users).entries()) {
      const image = `user-${index}:1`;
      await images.pullImage({ image: { image } });
      const status = (await images.imageStatus({ image: { image } })).image;
      expect({ uid: status?.uid?.value, username: status?.username }).toEqual({
        uid: undefined,
        username: "",
        ...wanted,
      });
    }
  });

  it("are measured with what containers have written: ImageFsInfo has both lists", async () => {
    const { images, clock } = await openCore();
    const { imageFilesystems, containerFilesystems } = await images.imageFsInfo({});
    for (const list of [imageFilesystems, containerFilesystems]) {
      expect(list).toMatchObject([{ timestamp: clock.now(), fsId: { mountpoint: expect.stringMatching(/^\//) } }]);
      expect(list[0]?.usedBytes?.value).toBeTypeOf("bigint");
      expect(list[0]?.inodesUsed?.value).toBeTypeOf("bigint");
    }
  });
});

describe("Status", () => {
  it("names each handler with its features, and sets every feature", async () => {
    const { runtime } = await openScripted({ images: [busybox], handlers: ["kata"] });
    const { runtimeHandlers, features } = await runtime.status({});
    expect(runtimeHandlers.map(({ name }) => name)).toEqual(["", "kata"]);
    for (const { features } of runtimeHandlers) {
      expect(features).toMatchObject({
        recursiveReadOnlyMounts: expect.any(Boolean),
        userNamespaces: expect.any(Boolean),
      });
    }
    expect(features).toMatchObject({
      supplementalGroupsPolicy: expect.any(Boolean),
      userNamespacesHostNetwork: expect.any(Boolean),
      mountOptions: expect.any(Boolean),
    });
  });
});
