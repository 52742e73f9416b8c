import { ContainerEventType, PodSandboxState } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { followEvents } from "./follow-events.ts";

const {
  CONTAINER_CREATED_EVENT: created,
  CONTAINER_STARTED_EVENT: started,
  CONTAINER_STOPPED_EVENT: stopped,
  CONTAINER_DELETED_EVENT: deleted,
} = ContainerEventType;

export const eachOfASandbox: Case = defineCase({
  name: "GetContainerEvents tells of a sandbox's creation, start, stop and removal under its ID, once each",
  cites: "runtime.v1 ContainerEventResponse.container_id: or the sandbox that it is about; containerd sends these four",
  covers: ["ContainerEventResponse.container_id", "ContainerEventResponse.container_event_type"],
  async run(stage) {
    const { pod } = stage;
    const events = followEvents(stage);
    await pod.run();
    await events.until(pod.id, started);
    await pod.stop();
    await pod.stop();
    await events.until(pod.id, stopped);
    await pod.remove();
    await events.until(pod.id, deleted);
    expect(events.types(pod.id)).toEqual([created, started, stopped, deleted]);
  },
});

export const statusOfASandbox: Case = defineCase({
  name: "an event of a sandbox has its status, and none when it is gone",
  cites: "runtime.v1 ContainerEventResponse.pod_sandbox_status: unset when it is gone",
  covers: ["ContainerEventResponse.pod_sandbox_status"],
  async run(stage) {
    const { pod } = stage;
    const events = followEvents(stage);
    const ready = await pod.status();
    const { podSandboxStatus } = await events.until(pod.id, started);
    expect(podSandboxStatus).toEqual(ready);
    expect(ready.state).toBe(PodSandboxState.SANDBOX_READY);
    await pod.stop();
    const stop = await events.until(pod.id, stopped);
    expect(stop.podSandboxStatus).toMatchObject({ id: pod.id, state: PodSandboxState.SANDBOX_NOTREADY });
    await pod.remove();
    const gone = await events.until(pod.id, deleted);
    expect(gone.podSandboxStatus).toBeUndefined();
    expect(gone.containersStatuses).toEqual([]);
  },
});
