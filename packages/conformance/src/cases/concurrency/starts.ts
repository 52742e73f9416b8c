import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { lingers, says, sleeps } from "../../program/program.ts";

export const startsAtOnce: Case = defineCase({
  name: "StartContainer calls at one moment start the container once",
  cites: "runtime.v1 StartContainer: a container starts once",
  covers: ["StartContainerRequest.container_id", "ContainerStatus.started_at"],
  async run({ cri, pod }) {
    const c = await pod.create({ program: { ...sleeps, log: [{ text: "started" }] } });
    const start = () => cri.startContainer({ containerId: c.id });
    const answers = await Promise.allSettled([start(), start(), start()]);
    expect(answers.map(({ status }) => status)).toContain("fulfilled");
    await c.untilLogged("started");
    const { state, startedAt } = await c.status();
    expect(state).toBe(ContainerState.CONTAINER_RUNNING);
    expect(startedAt).toBeGreaterThan(0n);
    await c.stop();
    expect((await c.status()).startedAt).toBe(startedAt);
    expect((await c.log()).map(({ text }) => text)).toEqual(["started"]);
  },
});

export const listsMeanwhile: Case = defineCase({
  name: "lists answer while pods come and go, and each item has its metadata, time and state",
  cites: "runtime.v1 ListPodSandbox, ListContainers: no match is an empty list; no error for what goes meanwhile",
  covers: ["PodSandbox.metadata", "PodSandbox.created_at", "Container.metadata", "Container.created_at"],
  async run({ cri, anotherPod, unique }) {
    const labels = { unique };
    let coming = true;
    const comeAndGo = async (): Promise<void> => {
      const pod = anotherPod({ config: { labels } });
      const c = await pod.start({ program: says("here"), config: { labels } });
      await c.until("exited");
      await pod.stop();
      await pod.remove();
    };
    const work = Promise.all([comeAndGo(), comeAndGo(), comeAndGo()]).finally(() => {
      coming = false;
    });
    work.catch(() => undefined); // told where it is awaited
    let seen = 0;
    while (coming) {
      const filter = { labelSelector: labels };
      const [{ items }, { containers }] = await Promise.all([
        expectSuccess(cri.listPodSandbox({ filter })),
        expectSuccess(cri.listContainers({ filter })),
      ]);
      for (const one of [...items, ...containers]) {
        expect(one.metadata?.name).toMatch(/./);
        expect(one.createdAt).toBeGreaterThan(0n);
        seen++;
      }
    }
    await work;
    expect(seen).toBeGreaterThan(0);
    expect((await cri.listPodSandbox({ filter: { labelSelector: labels } })).items).toEqual([]);
  },
});

export const removalWhileStopping: Case = defineCase({
  name: "RemoveContainer while a StopContainer waits for its timeout does not wait for it",
  cites: "runtime.v1 RemoveContainer: one that runs is killed first",
  covers: ["RemoveContainerRequest.container_id", "StopContainerRequest.timeout"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: lingers });
    await c.untilLogged("ready");
    const patient = c.stop(600);
    patient.catch(() => undefined); // its container goes
    await c.untilLogged("bye");
    await expectSuccess(cri.removeContainer({ containerId: c.id }));
    await Promise.allSettled([patient]);
    expect((await cri.listContainers({ filter: { id: c.id } })).containers).toEqual([]);
  },
});

export const sandboxStopMeanwhile: Case = defineCase({
  name: "StopPodSandbox while a StopContainer waits for its timeout does not wait for it",
  cites: "runtime.v1 StopPodSandbox: kills every process of the sandbox",
  covers: ["StopPodSandboxRequest.pod_sandbox_id", "StopContainerRequest.timeout"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: lingers });
    await c.untilLogged("ready");
    const patient = c.stop(600);
    patient.catch(() => undefined); // told where it is awaited
    await c.untilLogged("bye");
    await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
    await expectSuccess(patient);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
  },
});
