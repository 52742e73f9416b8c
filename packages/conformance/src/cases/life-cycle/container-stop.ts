import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ignoresStop, lingers, sleeps } from "../../program/program.ts";

export const gracefully: Case = defineCase({
  name: "StopContainer sends the stop signal, and returns when the container has ended by itself",
  cites: "runtime.v1 StopContainer: the stop signal, then after the timeout SIGKILL; EXITED when the call returns",
  covers: ["StopContainerRequest.timeout", "ContainerStatus.exit_code"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support stopping container [Conformance]",
  ],
  async run({ pod }) {
    const c = await pod.start({ program: { ...sleeps, stop: { code: 9, log: [{ text: "bye" }] } } });
    await c.untilLogged("ready");
    await c.stop(30);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 9, reason: "Error" });
    expect((await c.log()).map(({ text }) => text)).toEqual(["ready", "bye"]);
  },
});

export const afterTheGrace: Case = defineCase({
  name: "StopContainer kills a container that ignores the stop signal, and not before its timeout",
  cites: "runtime.v1 StopContainer: after the timeout SIGKILL",
  covers: ["StopContainerRequest.timeout", "ContainerStatus.exit_code"],
  async run({ pod }) {
    const c = await pod.start({ program: ignoresStop });
    await c.untilLogged("ready");
    const began = performance.now();
    await c.stop(1);
    expect(performance.now() - began).toBeAtLeast(950);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
  },
});

export const atOnce: Case = defineCase({
  name: "StopContainer with a timeout of 0 kills at once, without the stop signal",
  cites: "runtime.v1 StopContainerRequest.timeout: 0 kills forcibly",
  covers: [],
  async run({ pod }) {
    const c = await pod.start({ program: { ...sleeps, stop: { code: 9, log: [{ text: "bye" }] } } });
    await c.untilLogged("ready");
    await c.stop(0);
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
    expect((await c.log()).map(({ text }) => text)).toEqual(["ready"]);
  },
});

export const shortened: Case = defineCase({
  name: "a later StopContainer with a shorter timeout ends an earlier one that waits",
  cites: "runtime.v1 StopContainer: a second call while the first waits may only shorten the wait",
  covers: ["StopContainerRequest.timeout"],
  async run({ pod }) {
    const c = await pod.start({ program: lingers });
    await c.untilLogged("ready");
    const patient = c.stop(600);
    patient.catch(() => undefined); // told where it is awaited
    await c.untilLogged("bye");
    await c.stop(0);
    await patient;
    expect((await c.status()).exitCode).toBe(137);
  },
});

export const notLengthened: Case = defineCase({
  name: "a later StopContainer with a longer timeout does not lengthen an earlier one",
  cites: "runtime.v1 StopContainer: a second call while the first waits may only shorten the wait",
  covers: ["StopContainerRequest.timeout"],
  async run({ pod }) {
    const c = await pod.start({ program: lingers });
    await c.untilLogged("ready");
    const [first, second] = [c.stop(1), c.stop(600)];
    await Promise.all([first, second]);
    expect((await c.status()).exitCode).toBe(137);
    expect((await c.log()).map(({ text }) => text)).toEqual(["ready", "bye"]);
  },
});

export const answersMeanwhile: Case = defineCase({
  name: "status, list and exec answer while a StopContainer waits for its timeout",
  cites: "containerd internal/cri: no lock is held while a container takes its grace; kubelet probes go on",
  covers: ["StopContainerRequest.timeout", "ContainerStatus.state"],
  async run({ cri, pod }) {
    const command = { stdout: "still here" };
    const c = await pod.start({ program: { ...ignoresStop, exec: [command] } });
    await c.untilLogged("ready");
    const stopping = c.stop(600);
    stopping.catch(() => undefined); // told where it is awaited
    expect(await expectSuccess(c.exec(command))).toMatchObject({ stdout: "still here", exitCode: 0 });
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, finishedAt: 0n });
    const { containers } = await cri.listContainers({ filter: { id: c.id } });
    expect(containers).toMatchObject([{ state: ContainerState.CONTAINER_RUNNING }]);
    await c.stop(0);
    await stopping;
  },
});

export const onceOnly: Case = defineCase({
  name: "StartContainer of a running and of an exited container fails, and changes nothing",
  cites: "runtime.v1 StartContainer: a container starts once",
  covers: ["StartContainerRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.start();
    const running = await c.status();
    await expectRefusal(cri.startContainer({ containerId: c.id }));
    expect(await c.status()).toMatchObject({ state: running.state, startedAt: running.startedAt });
    await c.stop();
    const exited = await c.status();
    await expectRefusal(cri.startContainer({ containerId: c.id }));
    const { state, finishedAt, exitCode } = exited;
    expect(await c.status()).toMatchObject({ state, finishedAt, exitCode });
  },
});
