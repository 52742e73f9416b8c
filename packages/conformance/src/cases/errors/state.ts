import { expectFailure } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";

export const startTwice: Case = defineCase({
  name: "StartContainer of a running and of an exited container is FailedPrecondition, which names the state",
  cites: "runtime.v1 StartContainer: FailedPrecondition when it is not CREATED",
  covers: ["StartContainerRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.start();
    await expectFailure(cri.startContainer({ containerId: c.id }), "FAILED_PRECONDITION", /RUNNING/);
    await c.stop();
    await expectFailure(cri.startContainer({ containerId: c.id }), "FAILED_PRECONDITION", /EXITED/);
  },
});

export const execInStopped: Case = defineCase({
  name: "ExecSync in a container that does not run is FailedPrecondition",
  cites: "runtime.v1 ExecSync: FailedPrecondition, it does not run",
  covers: ["ExecSyncRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.create({ program: exit(0) });
    const exec = () => cri.execSync({ containerId: c.id, cmd: ["true"], timeout: 5n });
    await expectFailure(exec(), "FAILED_PRECONDITION");
    await c.start();
    await c.until("exited");
    await expectFailure(exec(), "FAILED_PRECONDITION");
  },
});

export const createInStopped: Case = defineCase({
  name: "CreateContainer in a sandbox that is NOTREADY is FailedPrecondition",
  cites: "runtime.v1 CreateContainer: FailedPrecondition, the sandbox is NOTREADY",
  covers: ["CreateContainerRequest.pod_sandbox_id"],
  async run({ pod }) {
    await pod.run();
    await pod.stop();
    await expectFailure(pod.create(), "FAILED_PRECONDITION");
  },
});

export const reopenOfStopped: Case = defineCase({
  name: "ReopenContainerLog of a container that does not run is refused",
  cites: "runtime.v1 ReopenContainerLog: FailedPrecondition, it does not run",
  covers: ["ReopenContainerLogRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.create();
    await expectFailure(cri.reopenContainerLog({ containerId: c.id }), ["FAILED_PRECONDITION", "UNKNOWN"]);
  },
});

export const sandboxTwice: Case = defineCase({
  name: "RunPodSandbox of an identity that is there is AlreadyExists, which names the sandbox",
  cites: "runtime.v1 RunPodSandbox: AlreadyExists, a sandbox with this identity is there",
  covers: ["PodSandboxConfig.metadata", "PodSandboxMetadata.uid", "PodSandboxMetadata.name"],
  async run({ pod }) {
    const id = await pod.run();
    await expectFailure(pod.runAnew(), "ALREADY_EXISTS", new RegExp(id));
    await pod.stop();
    await expectFailure(pod.runAnew(), "ALREADY_EXISTS", new RegExp(id));
  },
});

export const containerTwice: Case = defineCase({
  name: "CreateContainer of an identity that is there is AlreadyExists, which names the container",
  cites: "runtime.v1 CreateContainer: AlreadyExists, a container with this identity is there",
  covers: ["ContainerConfig.metadata", "ContainerMetadata.name"],
  async run({ pod }) {
    const c = await pod.create({ name: "main", attempt: 2 });
    await expectFailure(pod.create({ name: "main", attempt: 2 }), "ALREADY_EXISTS", new RegExp(c.id));
    await c.start();
    await expectFailure(pod.create({ name: "main", attempt: 2 }), "ALREADY_EXISTS", new RegExp(c.id));
  },
});
