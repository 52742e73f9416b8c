import { create } from "@bufbuild/protobuf";
import { ContainerConfigSchema, ContainerEventType, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { ContainerExit, ContainerRecord, SandboxRecord } from "../ports/index.ts";
import { passedByContainer, passedBySandbox, untold } from "./transitions.ts";

const {
  CONTAINER_CREATED_EVENT: created,
  CONTAINER_STARTED_EVENT: started,
  CONTAINER_STOPPED_EVENT: stopped,
  CONTAINER_DELETED_EVENT: deleted,
} = ContainerEventType;

const container: ContainerRecord = {
  id: "c",
  sandboxId: "s",
  config: create(ContainerConfigSchema),
  createdAtNs: 1n,
  image: { id: "", ref: "" },
  logPath: "",
  steps: [],
  facts: { mounts: [] },
};
const sandbox: SandboxRecord = {
  id: "s",
  config: create(PodSandboxConfigSchema),
  runtimeHandler: "",
  createdAtNs: 1n,
  steps: [],
  facts: { ips: [] },
};
const exit: ContainerExit = { code: 0, finishedAtNs: 3n, reason: "Completed", message: "" };
const start = { startedAtNs: 2n, pid: 1 };

describe("passedByContainer()", () => {
  it.each<[string, Partial<ContainerRecord>, readonly ContainerEventType[]]>([
    ["created", {}, [created]],
    ["running", { started: start }, [created, started]],
    ["ended", { started: start, exit }, [created, started, stopped]],
    ["ended before its start was recorded", { exit }, [created, started, stopped]],
    ["could not be started", { exit: { ...exit, reason: "StartError" } }, [created, stopped]],
    ["made by half", { failed: "why" }, [created, stopped]],
  ])("%s", (_, more, passed) => {
    expect(passedByContainer({ ...container, ...more })).toEqual(passed);
  });
});

describe("passedBySandbox()", () => {
  it.each<[string, Partial<SandboxRecord>, readonly ContainerEventType[]]>([
    ["READY", {}, [created, started]],
    ["stopped", { stoppedAtNs: 2n }, [created, started, stopped]],
    ["lost", { lost: "why" }, [created, started, stopped]],
  ])("%s", (_, more, passed) => {
    expect(passedBySandbox({ ...sandbox, ...more })).toEqual(passed);
  });

  it("made by half", () => {
    const { facts: _, ...half } = sandbox;
    expect(passedBySandbox({ ...half, failed: "why" })).toEqual([created, stopped]);
  });
});

describe("untold()", () => {
  it("is what has not been told, and the end of what is gone", () => {
    expect(untold(undefined, [created, started])).toEqual([created, started]);
    expect(untold([created], [created, started, stopped])).toEqual([started, stopped]);
    expect(untold([created, stopped], [created, started, stopped])).toEqual([started]);
    expect(untold([created], undefined)).toEqual([deleted]);
    expect(untold(undefined, undefined)).toEqual([]);
  });
});
