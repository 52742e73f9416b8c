import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";

const nobody = "0".repeat(64);

export const stopOfStopped: Case = defineCase({
  name: "StopContainer succeeds when already stopped, and changes nothing",
  cites: "runtime.v1 StopContainer: idempotent, a container that has ended succeeds",
  covers: ["StopContainerRequest.container_id"],
  critest: ["[k8s.io] Idempotence StopContainer should not return an error if already stopped"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: exit(3) });
    const { finishedAt } = await c.until("exited");
    await expectSuccess(cri.stopContainer({ containerId: c.id, timeout: 0n }));
    await expectSuccess(cri.stopContainer({ containerId: c.id, timeout: 10n }));
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 3, finishedAt });
  },
});

export const stopOfCreated: Case = defineCase({
  name: "StopContainer of a container that never ran succeeds, and it can still be started",
  cites: "runtime.v1 StopContainer: a created one that never ran is left as it is",
  covers: ["StopContainerRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.create();
    await expectSuccess(cri.stopContainer({ containerId: c.id, timeout: 10n }));
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_CREATED);
    await expectSuccess(c.start());
  },
});

export const stopOfUnknown: Case = defineCase({
  name: "StopContainer of a container that is not there succeeds",
  cites: "runtime.v1 StopContainer: idempotent, an unknown ID succeeds",
  covers: ["StopContainerRequest.container_id"],
  critest: ["[k8s.io] Idempotence StopContainer should not return an error if not found"],
  async run({ cri }) {
    await expectSuccess(cri.stopContainer({ containerId: nobody, timeout: 1n }));
  },
});

export const stopOfStoppedSandbox: Case = defineCase({
  name: "StopPodSandbox succeeds when already stopped, as often as it is asked",
  cites: "runtime.v1 StopPodSandbox: idempotent, a stopped sandbox succeeds",
  covers: ["StopPodSandboxRequest.pod_sandbox_id"],
  critest: ["[k8s.io] Idempotence StopPodSandbox should not return an error if already stopped"],
  async run({ cri, pod }) {
    await pod.run();
    for (let count = 0; count < 3; count++) {
      await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
      expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    }
  },
});

export const stopOfUnknownSandbox: Case = defineCase({
  name: "StopPodSandbox of a sandbox that is not there succeeds",
  cites: "runtime.v1 StopPodSandbox: idempotent, an unknown ID succeeds",
  covers: ["StopPodSandboxRequest.pod_sandbox_id"],
  critest: ["[k8s.io] Idempotence StopPodSandbox should not return an error if not found"],
  async run({ cri, pod }) {
    await expectSuccess(cri.stopPodSandbox({ podSandboxId: nobody }));
    await pod.run();
    await pod.remove();
    await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
  },
});
