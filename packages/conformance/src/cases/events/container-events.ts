import { ContainerEventType, ContainerState } from "@keelson/cri-api/v1";
import { expect, expectRefusal } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit, ignoresStop, noSuchCommand } from "../../program/program.ts";
import { followEvents } from "./follow-events.ts";

const {
  CONTAINER_CREATED_EVENT: created,
  CONTAINER_STARTED_EVENT: started,
  CONTAINER_STOPPED_EVENT: stopped,
  CONTAINER_DELETED_EVENT: deleted,
} = ContainerEventType;

export const eachTransition: Case = defineCase({
  name: "GetContainerEvents tells of a container's creation, start, end and removal, once each and in this order",
  cites: "runtime.v1 GetContainerEvents, ContainerEventType; KEP-3386",
  covers: ["ContainerEventResponse.container_id", "ContainerEventResponse.container_event_type"],
  async run(stage) {
    const { pod } = stage;
    await pod.run();
    const events = followEvents(stage);
    const c = await pod.start({ program: exit(0) });
    await events.until(c.id, stopped);
    await c.stop();
    await c.remove();
    await events.until(c.id, deleted);
    expect(events.types(c.id)).toEqual([created, started, stopped, deleted]);
  },
});

export const statusesOfTheMoment: Case = defineCase({
  name: "an event has the sandbox's status and those of all its containers, as they are then",
  cites: "runtime.v1 ContainerEventResponse: the statuses are those of the moment, so that no call need follow",
  covers: ["ContainerEventResponse.pod_sandbox_status", "ContainerEventResponse.containers_statuses"],
  async run(stage) {
    const { pod, anotherPod } = stage;
    const [other] = [await pod.start(), await anotherPod().start()];
    const events = followEvents(stage);
    const c = await pod.create({ program: exit(7) });
    const status = await pod.status();
    const first = await events.until(c.id, created);
    expect(first.podSandboxStatus).toEqual(status);
    const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);
    const wanted = [await c.status(), await other.status()].toSorted(byId);
    expect(first.containersStatuses.toSorted(byId)).toEqual(wanted);
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_CREATED);
    await c.start();
    const last = await events.until(c.id, stopped);
    const mine = last.containersStatuses.find(({ id }) => id === c.id);
    expect(mine).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 7, reason: "Error" });
    expect(mine).toEqual(await c.status());
    expect(last.containersStatuses).toHaveLength(2);
  },
});

export const withoutTheRemoved: Case = defineCase({
  name: "the event of a removal has the sandbox and its other containers, and not the removed one",
  cites: "runtime.v1 ContainerEventType: it was removed; the statuses no longer hold it",
  covers: ["ContainerEventResponse.containers_statuses", "ContainerEventResponse.pod_sandbox_status"],
  async run(stage) {
    const { pod } = stage;
    const [c, other] = [await pod.create(), await pod.create()];
    const events = followEvents(stage);
    await c.remove();
    const { podSandboxStatus, containersStatuses } = await events.until(c.id, deleted);
    expect(podSandboxStatus?.id).toBe(pod.id);
    expect(containersStatuses.map(({ id }) => id)).toEqual([other.id]);
  },
});

export const timesOfEvents: Case = defineCase({
  name: "the times of events go forward, and are those of what happened",
  cites: "runtime.v1 ContainerEventResponse.created_at: the kubelet drops what is older than what it knows",
  covers: ["ContainerEventResponse.created_at"],
  async run(stage) {
    const { pod } = stage;
    await pod.run();
    const events = followEvents(stage);
    const c = await pod.start({ program: exit(0) });
    await events.until(c.id, stopped);
    const { createdAt, startedAt } = await c.status();
    const [one = 0n, two = 0n, three = 0n] = events.of(c.id).map((event) => event.createdAt);
    expect(one).toBeAtLeast(createdAt);
    expect(two).toBeAtLeast(startedAt);
    expect(two).toBeAtLeast(one);
    expect(three).toBeAtLeast(two);
  },
});

export const allSubscribers: Case = defineCase({
  name: "two who follow events are told the same of a pod, in the same order",
  cites: "runtime.v1 GetContainerEvents; containerd internal/cri: each subscriber has its own queue",
  covers: ["ContainerEventResponse.container_event_type"],
  async run(stage) {
    const { pod } = stage;
    const [one, other] = [followEvents(stage), followEvents(stage)];
    const containers = await Promise.all([pod.start({ program: exit(0) }), pod.start(), pod.create()]);
    await pod.stop();
    await pod.remove();
    const ids = [pod.id, ...containers.map(({ id }) => id)];
    const told = async (events: typeof one) => {
      await events.until(pod.id, deleted);
      return events.of(...ids).map(({ containerId, containerEventType }) => [containerId, containerEventType]);
    };
    const [first, second] = [await told(one), await told(other)];
    expect(first.length).toBeGreaterThan(10);
    expect(second).toEqual(first);
  },
});

export const ofStoppedPods: Case = defineCase({
  name: "StopPodSandbox tells of the end of each running container, and RemovePodSandbox of each one's removal",
  cites: "runtime.v1 ContainerEventType: by itself or by a stop; every transition is told",
  covers: ["ContainerEventResponse.container_event_type"],
  async run(stage) {
    const { pod } = stage;
    const [running, ended] = [await pod.start({ program: ignoresStop }), await pod.start({ program: exit(0) })];
    await ended.until("exited");
    const events = followEvents(stage);
    await pod.stop();
    const { containersStatuses } = await events.until(running.id, stopped);
    const found = containersStatuses.find(({ id }) => id === running.id);
    expect(found).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
    await pod.remove();
    for (const c of [running, ended]) await events.until(c.id, deleted);
    expect(events.types(running.id).slice(-2)).toEqual([stopped, deleted]);
    expect(events.types(ended.id).filter((type) => type === deleted)).toHaveLength(1);
  },
});

export const neverStarted: Case = defineCase({
  name: "a container that can't be started has no event of a start",
  cites: "runtime.v1 ContainerEventType: it runs; StartContainer: EXITED with StartError",
  covers: ["ContainerEventResponse.container_event_type"],
  async run(stage) {
    const { pod } = stage;
    await pod.run();
    const events = followEvents(stage);
    const c = await pod.create({ program: noSuchCommand });
    await expectRefusal(c.start());
    await c.remove();
    await events.until(c.id, deleted);
    const types = events.types(c.id);
    expect(types[0]).toBe(created);
    expect(types).not.toContain(started);
  },
});
