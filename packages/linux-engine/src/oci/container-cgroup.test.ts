import { describe, expect, it } from "vitest";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { cgroupFolder, endCgroup, killCgroup } from "./container-cgroup.ts";

const v2: CgroupLayout = { version: 2, controllers: [], mounts: new Map(), unified: "/nowhere/cgroup" };
const v1: CgroupLayout = {
  version: 1,
  controllers: ["freezer", "pids"],
  mounts: new Map([
    ["pids", "/nowhere/pids"],
    ["freezer", "/nowhere/freezer"],
  ]),
  unified: "/nowhere/unified",
};

describe("cgroupFolder()", () => {
  it("is in the one tree of v2, and in the freezer's of v1", () => {
    expect(cgroupFolder(v2, "/a/b")).toBe("/nowhere/cgroup/a/b");
    expect(cgroupFolder(v1, "/a/b")).toBe("/nowhere/freezer/a/b");
  });
});

describe("endCgroup()", () => {
  it("refuses the root of a hierarchy, which holds every process of the machine", async () => {
    for (const folder of ["/nowhere/freezer", "/nowhere/freezer/", "/nowhere/freezer/a/.."]) {
      await expect(endCgroup(v1, folder)).rejects.toThrow(/root of all/);
      expect(() => killCgroup(v1, folder)).toThrow(/root of all/);
    }
  });

  it("succeeds when there is no such cgroup", async () => {
    await expect(endCgroup(v2, "/nowhere/cgroup/a")).resolves.toBeUndefined();
  });
});
