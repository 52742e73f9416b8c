import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit, lingers, sleeps } from "../../program/program.ts";

const restarts = { needs: ["restart"], alone: "node" } as const;

export const runningRunsOn: Case = defineCase({
  ...restarts,
  name: "what runs while the runtime is killed runs on, with the same status",
  cites: "containerd internal/cri/server/restart.go: recover; the kubelet relies on it",
  covers: ["ContainerStatus.state", "ContainerStatus.started_at"],
  async run({ pod, restart }) {
    const c = await pod.start();
    const before = await c.status();
    expect(before.startedAt).toBeAtLeast(before.createdAt);
    const { createdAt } = await pod.status();
    await restart("SIGKILL");
    expect(await pod.status()).toMatchObject({ state: PodSandboxState.SANDBOX_READY, createdAt });
    const { createdAt: created, startedAt, labels, imageRef } = before;
    const state = ContainerState.CONTAINER_RUNNING;
    expect(await c.status()).toMatchObject({ state, createdAt: created, startedAt, labels, imageRef });
  },
});

export const stillUsable: Case = defineCase({
  ...restarts,
  name: "a container from before a restart takes exec, stop and removal as any other",
  cites: "containerd internal/cri/server/restart.go: recover",
  covers: ["ExecSyncResponse.stdout", "ContainerStatus.exit_code"],
  async run({ cri, pod, restart }) {
    const command = { stdout: "still here" };
    const c = await pod.start({ program: { ...sleeps, stop: { code: 9 }, exec: [command] } });
    await c.untilLogged("ready");
    await restart("SIGTERM");
    expect(await c.exec(command)).toMatchObject({ stdout: "still here", exitCode: 0 });
    await c.stop(30);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 9 });
    await c.remove();
    expect((await cri.listContainers({ filter: { id: c.id } })).containers).toEqual([]);
  },
});

export const endedMeanwhile: Case = defineCase({
  ...restarts,
  name: "the exit code of a container that ended while the runtime was away is known afterwards",
  cites: "runtime.v1 ContainerStatus.exit_code; containerd's shim and conmon keep it",
  covers: ["ContainerStatus.exit_code", "ContainerStatus.finished_at", "ContainerStatus.reason"],
  async run({ pod, restart, until }) {
    const c = await pod.start({ program: exit(6, 1000) });
    const began = performance.now();
    // nobody can be asked meanwhile
    const itsTime = () => performance.now() - began > 1200;
    await restart("SIGKILL", () => until("its program has ended", itsTime).then(() => undefined));
    const ended = await c.until("exited");
    expect(ended).toMatchObject({ exitCode: 6, reason: "Error" });
    // it ran for 1,000 ms
    expect(ended.finishedAt - ended.startedAt).toBeAtLeast(900_000_000n);
  },
});

export const exitedStaysExited: Case = defineCase({
  ...restarts,
  name: "an exited and a created container are what they were after a restart",
  cites: "containerd internal/cri/server/restart.go: loadContainer",
  covers: ["ContainerStatus.state", "ContainerStatus.exit_code", "ContainerStatus.finished_at"],
  async run({ pod, restart }) {
    const exited = await pod.start({ program: exit(5) });
    const created = await pod.create();
    const before = await exited.until("exited");
    expect(before.finishedAt).toBeGreaterThan(before.createdAt);
    await restart("SIGKILL");
    const { finishedAt, startedAt, reason } = before;
    const state = ContainerState.CONTAINER_EXITED;
    expect(await exited.status()).toMatchObject({ state, exitCode: 5, finishedAt, startedAt, reason });
    expect((await created.status()).state).toBe(ContainerState.CONTAINER_CREATED);
    await expectSuccess(created.start());
    expect((await created.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});

export const stoppedStaysStopped: Case = defineCase({
  ...restarts,
  name: "a stopped sandbox is NOTREADY after a restart, and a removed one is gone",
  cites: "containerd internal/cri/server/restart.go: loadSandbox",
  covers: ["PodSandboxStatus.state"],
  async run({ cri, pod, anotherPod, restart }) {
    const removed = anotherPod();
    await Promise.all([pod.run(), removed.run()]);
    await pod.stop();
    await removed.remove();
    await restart("SIGKILL");
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    expect((await cri.listPodSandbox({ filter: { id: removed.id } })).items).toEqual([]);
  },
});

export const configurationStays: Case = defineCase({
  ...restarts,
  name: "labels, annotations and metadata are the same after a restart",
  cites: "runtime.v1 PodSandboxStatus, ContainerStatus: annotations MUST NOT be altered",
  covers: ["PodSandboxStatus.labels", "PodSandboxStatus.annotations", "ContainerStatus.labels"],
  async run({ anotherPod, restart }) {
    const pod = anotherPod({
      config: { labels: { a: "1", é: "ü" }, annotations: { note: " \t", empty: "" } },
      attempt: 4,
    });
    const c = await pod.create({ config: { labels: { b: "2" } }, attempt: 7 });
    const [sandbox, container] = [await pod.status(), await c.status()];
    expect(sandbox.annotations).toEqual({ note: " \t", empty: "" });
    expect(sandbox.labels).toEqual({ a: "1", é: "ü" });
    await restart("SIGKILL");
    const { metadata, labels, annotations } = sandbox;
    expect(await pod.status()).toMatchObject({ metadata: { ...metadata }, labels, annotations });
    const { logPath, imageRef } = container;
    const kept = { metadata: { ...container.metadata }, labels: { b: "2" }, annotations: container.annotations };
    expect(await c.status()).toMatchObject({ ...kept, logPath, imageRef });
  },
});

export const nameStaysTaken: Case = defineCase({
  ...restarts,
  name: "the identity of a pod is taken after a restart, until the pod is removed",
  cites: "runtime.v1 RunPodSandbox: two sandboxes never share an identity; containerd re-reserves names at its start",
  covers: ["PodSandboxConfig.metadata"],
  async run({ pod, restart }) {
    const first = await pod.run();
    await restart("SIGKILL");
    await expectRefusal(pod.runAnew(), new RegExp(`${first}|reserved`));
    await pod.remove();
    expect(await expectSuccess(pod.runAnew())).not.toBe(first);
  },
});

export const imagesStay: Case = defineCase({
  ...restarts,
  name: "images are the same after a restart",
  cites: "runtime.v1 ListImages; containerd internal/cri/server/restart.go: loadImages",
  covers: ["Image.id", "Image.repo_tags", "Image.repo_digests"],
  async run({ cri, image, restart }) {
    const status = async () => (await cri.imageStatus({ image: { image } })).image;
    const before = await status();
    expect(before).toMatchObject({ id: /^sha256:/ });
    expect(before?.repoTags).toContain(image);
    expect(before?.repoDigests.length).toBeGreaterThan(0);
    await restart("SIGKILL");
    const after = await status();
    expect([after?.id, after?.repoTags, after?.repoDigests]).toEqual([
      before?.id,
      before?.repoTags,
      before?.repoDigests,
    ]);
  },
});

export const stopAcross: Case = defineCase({
  ...restarts,
  name: "StopContainer that a restart cut off can be asked for again, and ends the container",
  cites: "runtime.v1 StopContainer: idempotent; the kubelet asks again",
  covers: ["StopContainerRequest.timeout"],
  async run({ cri, pod, restart }) {
    const c = await pod.start({ program: lingers });
    await c.untilLogged("ready");
    const cut = cri.stopContainer({ containerId: c.id, timeout: 600n }, { waitForReady: false });
    cut.catch(() => undefined); // its connection goes
    await c.untilLogged("bye");
    await restart("SIGKILL");
    await c.stop(0);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
  },
});

export const logGoesOn: Case = defineCase({
  ...restarts,
  name: "what a container says after a restart is in its log, behind what it said before",
  cites: "containerd internal/cri/server/restart.go: the container's output is attached to again",
  covers: ["ContainerConfig.log_path", "ContainerStatus.log_path"],
  async run({ pod, restart }) {
    const c = await pod.start({ program: { log: [{ text: "before" }, { text: "after", atMs: 1500 }] } });
    await c.untilLogged("before");
    await restart("SIGKILL");
    expect((await c.untilLogged("after")).map(({ text }) => text)).toEqual(["before", "after"]);
    expect((await c.status()).logPath).toBe(c.logFile);
  },
});

export const removedOnce: Case = defineCase({
  ...restarts,
  name: "containers and pods that were removed do not come back with two restarts in a row",
  cites: "runtime.v1 RemovePodSandbox, RemoveContainer: nothing of it is seen in any list afterwards",
  covers: ["RemovePodSandboxRequest.pod_sandbox_id", "RemoveContainerRequest.container_id"],
  async run({ cri, pod, anotherPod, restart }) {
    const gone = anotherPod();
    const [kept, removed] = [await pod.start(), await pod.start()];
    await gone.start();
    await removed.remove();
    await gone.remove();
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await restart(signal);
      const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
      expect(containers).toMatchObject([{ id: kept.id, state: ContainerState.CONTAINER_RUNNING }]);
      expect((await cri.listContainers({ filter: { podSandboxId: gone.id } })).containers).toEqual([]);
      expect((await cri.listPodSandbox({ filter: { id: gone.id } })).items).toEqual([]);
    }
  },
});
