import { create } from "@bufbuild/protobuf";
import {
  ContainerEventResponseSchema,
  ContainerEventType,
  ContainerSchema,
  ContainerState,
  PodSandboxSchema,
  PodSandboxState,
} from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { KnownStates } from "./known-states.ts";
import type { Snapshot } from "./snapshot.ts";

const { CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;
const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;

const snapshot = (sandbox: PodSandboxState, containers: Readonly<Record<string, ContainerState>>): Snapshot => ({
  podSandboxes: [create(PodSandboxSchema, { id: "pod", state: sandbox })],
  containers: Object.entries(containers).map(([id, state]) => create(ContainerSchema, { id, state })),
});

const event = (containerId: string, type: ContainerEventType, containers: Readonly<Record<string, ContainerState>>) =>
  create(ContainerEventResponseSchema, {
    containerId,
    containerEventType: type,
    podSandboxStatus: { id: "pod", state: SANDBOX_READY },
    containersStatuses: Object.entries(containers).map(([id, state]) => ({ id, state })),
  });

function knownOf(seen: Snapshot): KnownStates {
  const known = new KnownStates();
  known.reset(seen);
  return known;
}

describe("KnownStates", () => {
  it("finds what a list shows otherwise, what is new in it, and what it lacks", () => {
    const known = knownOf(snapshot(SANDBOX_READY, { a: CONTAINER_RUNNING, b: CONTAINER_RUNNING }));
    expect(known.differences(snapshot(SANDBOX_READY, { a: CONTAINER_RUNNING, b: CONTAINER_RUNNING }))).toBe(0);
    expect(known.differences(snapshot(SANDBOX_READY, { a: CONTAINER_EXITED, c: CONTAINER_RUNNING }))).toBe(3);
    expect(known.differences(snapshot(SANDBOX_NOTREADY, { a: CONTAINER_RUNNING, b: CONTAINER_RUNNING }))).toBe(1);
  });

  it("learns from an event the states of the whole pod", () => {
    const known = knownOf(snapshot(SANDBOX_NOTREADY, { a: CONTAINER_RUNNING }));
    known.apply(event("b", ContainerEventType.CONTAINER_STARTED_EVENT, { a: CONTAINER_EXITED, b: CONTAINER_RUNNING }));
    expect(known.differences(snapshot(SANDBOX_READY, { a: CONTAINER_EXITED, b: CONTAINER_RUNNING }))).toBe(0);
  });

  it("forgets what was deleted, though its last state is told with it", () => {
    const known = knownOf(snapshot(SANDBOX_READY, { a: CONTAINER_RUNNING }));
    known.apply(event("a", ContainerEventType.CONTAINER_DELETED_EVENT, { a: CONTAINER_EXITED }));
    expect(known.differences(snapshot(SANDBOX_READY, {}))).toBe(0);
  });

  it("leaves out what events change while the list is on its way, and only then", () => {
    const known = knownOf(snapshot(SANDBOX_READY, { a: CONTAINER_RUNNING, b: CONTAINER_RUNNING }));
    const older = snapshot(SANDBOX_READY, { a: CONTAINER_RUNNING, b: CONTAINER_EXITED });
    known.watch();
    known.apply(event("a", ContainerEventType.CONTAINER_STOPPED_EVENT, { a: CONTAINER_EXITED }));
    expect(known.differences(older)).toBe(1);
    known.watch();
    expect(known.differences(older)).toBe(2);
  });
});
