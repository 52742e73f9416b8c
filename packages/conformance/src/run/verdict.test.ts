import { describe, expect, it } from "vitest";
import { type PeerList, readPeerList, shortVersion } from "../peer-list.ts";
import { selectCases } from "./select-cases.ts";
import type { Outcome } from "./session.ts";
import { verdictOf } from "./verdict.ts";

const outcome = (result: Outcome["result"], reason = ""): Outcome => ({
  result,
  reason,
  transcript: [],
  durationMs: 0,
});
const list: PeerList = {
  runtime: "r",
  version: "1",
  known: {
    "exec/a": { reason: "it is old", says: "want \\d+, got 0", transcript: [] },
    "exec/c": { reason: "it races", says: "want", when: "the end comes first", transcript: [] },
  },
  anywhere: [{ reason: "it forgets", says: "connection closed", when: "the end comes first" }],
};

describe("verdictOf()", () => {
  it.each([
    ["exec/a", "failed", "want 12, got 0", "known"],
    ["exec/a", "failed", "want 12, got 1", "failed"],
    ["exec/a", "passed", "", "unexpected-pass"],
    ["exec/a", "skipped", "needs inside", "skipped"],
    ["exec/b", "failed", "want 12, got 0", "failed"],
    ["exec/b", "passed", "", "passed"],
    ["exec/b", "failed", "UNKNOWN: connection closed", "known"],
    ["exec/a", "failed", "UNKNOWN: connection closed", "known"],
    ["exec/c", "failed", "want 12, got 1", "known"],
    ["exec/c", "failed", "there is no session", "failed"],
    ["exec/c", "passed", "", "passed"],
    ["toString", "failed", "", "failed"],
  ] as const)("%s that %s: %j is %s", (id, result, reason, verdict) => {
    expect(verdictOf(id, outcome(result, reason), list)).toBe(verdict);
  });

  it("expects nothing of a version that has no list", () => {
    expect(verdictOf("exec/a", outcome("failed", "want 12, got 0"), undefined)).toBe("failed");
  });
});

describe("readPeerList()", () => {
  it("finds the list of a version, by its numbers", async () => {
    expect(shortVersion("1.6.20~ds1")).toBe("1.6.20");
    expect(shortVersion("v2.1.9-rc.1")).toBe("2.1.9");
    expect(await readPeerList({ name: "containerd", version: "1.6.20~ds1" })).toMatchObject({ version: "1.6.20" });
    expect(await readPeerList({ name: "containerd", version: "0.0.1" })).toBeUndefined();
    expect(await readPeerList({ name: "../containerd", version: "1.6.20" })).toBeUndefined();
  });

  it.each([
    ["containerd", "1.6.20"],
    ["containerd", "2.1.9"],
  ])(
    "%s %s: names cases that there are, each with a reason, what the failure says, and a transcript",
    async (name, version) => {
      const known = Object.entries((await readPeerList({ name, version }))?.known ?? {});
      const ids = selectCases().map(({ id }) => id);
      expect(known.filter(([id]) => !ids.includes(id)).map(([id]) => id)).toEqual([]);
      expect(known.filter(([, { reason, transcript }]) => reason.length < 20 || transcript.length === 0)).toEqual([]);
      expect(known.filter(([, { says }]) => says === undefined || new RegExp(says).test(""))).toEqual([]);
    },
  );
});
