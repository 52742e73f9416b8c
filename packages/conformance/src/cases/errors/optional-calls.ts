import { access } from "node:fs/promises";
import { join } from "node:path";
import { type CriErrorCode, isCriError } from "@keelson/cri-api/errors";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectFailure, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const nobody = "0".repeat(64);
/** Of what is not there, where the call is served; a runtime that lacks the call says so. */
const notThere: readonly CriErrorCode[] = ["NOT_FOUND", "UNIMPLEMENTED"];

/** The answer of a call that a runtime may lack, undefined when it does. @throws ExpectationError for every other failure */
async function ifServed<T>(call: Promise<T>): Promise<T | undefined> {
  return await call.catch((error: unknown) => {
    if (isCriError(error, "UNIMPLEMENTED")) return undefined;
    return fail(
      `want an answer or UNIMPLEMENTED, got ${isCriError(error) ? `${error.code}: ${error.message}` : error}`,
    );
  });
}

export const execIfServed: Case = defineCase({
  name: "Exec in a running container hands out a URL, or is not served",
  cites: "runtime.v1 Exec: a URL where a client finds the stream; Unimplemented: the runtime has no streams",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start();
    const answer = await ifServed(cri.exec({ containerId: c.id, cmd: ["true"], stdout: true, stderr: true }));
    if (answer !== undefined) expect(answer.url).toMatch(/^https?:\/\/[^/]+\/./);
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});

export const attachIfServed: Case = defineCase({
  name: "Attach to a running container hands out a URL, or is not served",
  cites: "runtime.v1 Attach: a URL where a client finds the stream; Unimplemented: the runtime has no streams",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start();
    const answer = await ifServed(cri.attach({ containerId: c.id, stdout: true, stderr: true }));
    if (answer !== undefined) expect(answer.url).toMatch(/^https?:\/\/[^/]+\/./);
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});

export const portForwardIfServed: Case = defineCase({
  name: "PortForward to a READY sandbox hands out a URL, or is not served",
  cites: "runtime.v1 PortForward: a URL where a client finds the stream; Unimplemented: the runtime has no streams",
  covers: [],
  async run({ cri, pod }) {
    const answer = await ifServed(cri.portForward({ podSandboxId: await pod.run(), port: [80] }));
    if (answer !== undefined) expect(answer.url).toMatch(/^https?:\/\/[^/]+\/./);
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_READY);
  },
});

export const checkpointIfServed: Case = defineCase({
  name: "CheckpointContainer writes the archive that it is asked for, or is not served; the container runs on",
  cites:
    "runtime.v1 CheckpointContainer: the container runs on; Unimplemented: the runtime has no checkpoints; KEP-2008",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start();
    const location = join(pod.config.logDirectory, "checkpoint.tar");
    const answer = await ifServed(cri.checkpointContainer({ containerId: c.id, location, timeout: 10n }));
    const written = await access(location).then(
      () => true,
      () => false,
    );
    expect(written).toBe(answer !== undefined);
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});

export const checkpointOfPodIfServed: Case = defineCase({
  name: "CheckpointPod of a running container succeeds, or is not served; the container runs on",
  cites: "runtime.v1 CheckpointPod: all run on; Unimplemented: the runtime has none; KEP-5823",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start();
    const outputPath = join(pod.config.logDirectory, "checkpoint");
    await ifServed(cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds: [c.id] }));
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_READY);
  },
});

export const restoreIfServed: Case = defineCase({
  name: "RestorePod from a folder that is not there fails and makes no sandbox, or is not served",
  cites: "runtime.v1 RestorePod: an error leaves nothing behind; Unimplemented: the runtime has none; KEP-5823",
  covers: [],
  async run({ cri, anotherPod, unique }) {
    const { config } = anotherPod();
    const request = { checkpointPath: `/there/is/no/${unique}`, config };
    await expectFailure(cri.restorePod(request), ["NOT_FOUND", "INVALID_ARGUMENT", "UNIMPLEMENTED"]);
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => metadata?.uid === config.metadata?.uid)).toEqual([]);
  },
});

export const noStreamToNobody: Case = defineCase({
  name: "Exec, Attach and PortForward hand out no URL for what is not there",
  cites: "runtime.v1 Exec, Attach: NotFound, no such container; PortForward: NotFound, no such sandbox",
  covers: ["ExecRequest.container_id", "AttachRequest.container_id", "PortForwardRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.exec({ containerId: nobody, cmd: ["true"], stdout: true }), notThere);
    await expectFailure(cri.attach({ containerId: nobody, stdout: true }), notThere);
    await expectFailure(cri.portForward({ podSandboxId: nobody, port: [80] }), notThere);
  },
});

export const noCheckpointOfNobody: Case = defineCase({
  name: "CheckpointContainer of a container that is not there fails, and says that it is not there or not served",
  cites: "runtime.v1 CheckpointContainer: NotFound, no such container; Unimplemented, the runtime has no checkpoints",
  covers: ["CheckpointContainerRequest.container_id"],
  async run({ cri, unique }) {
    const request = { containerId: nobody, location: `/there/is/no/${unique}`, timeout: 5n };
    await expectFailure(cri.checkpointContainer(request), notThere);
  },
});

export const noLimitsOfNobody: Case = defineCase({
  name: "UpdatePodSandboxResources of a sandbox that is not there fails, and says that it is not there or not served",
  cites: "runtime.v1 UpdatePodSandboxResources: NotFound, no such sandbox",
  covers: ["UpdatePodSandboxResourcesRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.updatePodSandboxResources({ podSandboxId: nobody }), notThere);
  },
});
