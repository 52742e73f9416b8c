import { describe, expect, it } from "vitest";
import { buildCgroupsPath, type CgroupDriver } from "./cgroups-path.ts";

const build = (cgroupParent: string, driver: CgroupDriver) =>
  buildCgroupsPath({
    cgroupParent,
    driver,
    fallbackParent: driver === "systemd" ? "keelson.slice" : "/keelson",
    id: "c1",
  });

describe("buildCgroupsPath()", () => {
  it.each([
    { parent: "/kubepods/burstable/pod1", driver: "cgroupfs" as const, want: "/kubepods/burstable/pod1/c1" },
    { parent: "pods//./pod1/", driver: "cgroupfs" as const, want: "/pods/pod1/c1" },
    { parent: "", driver: "cgroupfs" as const, want: "/keelson/c1" },
    { parent: "", driver: "systemd" as const, want: "keelson.slice:keelson:c1" },
    {
      parent: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice",
      driver: "systemd" as const,
      want: "kubepods-burstable-pod1_2.slice:keelson:c1",
    },
  ])("makes $want of $parent with $driver", ({ parent, driver, want }) => {
    expect(build(parent, driver)).toBe(want);
  });

  it.each(["/a/../../b", "..", "/..", "a.slice/..", "/a\nb", "/a\0b", `/${"x".repeat(5000)}`])(
    "T6.03 refuses %j",
    (parent) => {
      expect(() => build(parent, "cgroupfs")).toThrow("linux.cgroup_parent");
      expect(() => build(parent, "systemd")).toThrow("linux.cgroup_parent");
    },
  );

  it.each(["/kubepods/pod1", "a:b.slice", "/", "a b.slice", "-a.slice", "a-.slice", "a--b.slice"])(
    "refuses %j with systemd",
    (parent) => {
      expect(() => build(parent, "systemd")).toThrow("is not a systemd slice");
    },
  );
});
