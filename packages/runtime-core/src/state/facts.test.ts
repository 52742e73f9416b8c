import { create } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { ContainerExit, ContainerRecord } from "../ports/index.ts";
import { withExit, withoutStart, withStart } from "./facts.ts";
import { newObjectId } from "./object-id.ts";

const created: ContainerRecord = {
  id: newObjectId(),
  sandboxId: newObjectId(),
  config: create(ContainerConfigSchema),
  createdAtNs: 100n,
  image: { id: "sha256:1", ref: "a" },
  logPath: "",
  steps: [],
  facts: { mounts: [] },
};
const exit = (finishedAtNs: bigint): ContainerExit => ({ code: 0, finishedAtNs, reason: "Completed", message: "" });

describe("the times of a container", () => {
  it("are as told while clocks go forwards", () => {
    const record = withExit(withStart(created, { startedAtNs: 200n, pid: 1 }), exit(300n));
    expect([record.started?.startedAtNs, record.exit?.finishedAtNs]).toEqual([200n, 300n]);
  });

  it("never go backwards, though the clock was set back before the start, before the end, or before both", () => {
    for (const [started, finished] of [
      [50n, 60n],
      [200n, 60n],
      [200n, 150n],
      [50n, 40n],
    ] as const) {
      for (const record of [
        withExit(withStart(created, { startedAtNs: started, pid: 1 }), exit(finished)),
        withStart(withExit(created, exit(finished)), { startedAtNs: started, pid: 1 }), // told in the other order
      ]) {
        const { createdAtNs, started: start, exit: end } = record;
        expect(start?.startedAtNs).toBeGreaterThanOrEqual(createdAtNs);
        expect(end?.finishedAtNs).toBeGreaterThanOrEqual(start?.startedAtNs ?? 0n);
      }
    }
  });

  it("put a start that failed not before the create", () => {
    expect(withExit(created, exit(50n)).exit?.finishedAtNs).toBe(100n);
  });

  it("keep the end that was told first, and lose start and end of a start that is taken back", () => {
    const ended = withExit(withStart(created, { startedAtNs: 200n, pid: 1 }), exit(300n));
    expect(withExit(ended, { ...exit(400n), code: 1 })).toBe(ended);
    expect(withoutStart(ended)).toEqual(created);
    const failed = { ...created, failed: "its start could not be reverted" };
    expect(withExit(failed, exit(300n))).toBe(failed);
  });
});
