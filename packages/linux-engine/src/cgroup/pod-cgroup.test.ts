import { describe, expect, it } from "vitest";
import { buildCgroupsPath } from "../spec/cgroups-path.ts";
import { podCgroup, sandboxOfSlice, slicePath } from "./pod-cgroup.ts";

const id = "0123456789abcdef".repeat(4);
const cgroupfs = { driver: "cgroupfs", prefix: "keelson-1a2b3c4d" } as const;
const systemd = { driver: "systemd", prefix: "keelson-1a2b3c4d" } as const;

describe("podCgroup()", () => {
  it("is the request's, in the driver's form", () => {
    expect(podCgroup(cgroupfs, id, "/kubepods/burstable/podX/")).toEqual({
      parent: "/kubepods/burstable/podX",
      isOurs: false,
    });
    expect(podCgroup(cgroupfs, id, "kubepods//./podX").parent).toBe("/kubepods/podX");
    expect(podCgroup(systemd, id, "/kubepods.slice/kubepods-podX.slice")).toEqual({
      parent: "kubepods-podX.slice",
      isOurs: false,
    });
  });

  it("is one of our own without a request", () => {
    expect(podCgroup(cgroupfs, id, "")).toEqual({ parent: `/keelson-1a2b3c4d/${id}`, isOurs: true });
    const { parent } = podCgroup(systemd, id, "");
    expect(parent).toBe(`system-keelson_1a2b3c4d_${id}.slice`);
    expect(slicePath(parent)).toBe(`/system.slice/system-keelson_1a2b3c4d_${id}.slice`);
    expect(sandboxOfSlice("keelson-1a2b3c4d", parent)).toBe(id);
    expect(sandboxOfSlice("keelson-99999999", parent)).toBeUndefined();
    expect(sandboxOfSlice("keelson-1a2b3c4d", "system-getty.slice")).toBeUndefined();
  });

  it("T6.03: a container stays below it, whatever the request says", () => {
    for (const scheme of [cgroupfs, systemd]) {
      expect(() => podCgroup(scheme, id, "/a/../../b.slice")).toThrow('holds ".."');
    }
    const { parent } = podCgroup(cgroupfs, id, "/kubepods/podX");
    const path = buildCgroupsPath({ cgroupParent: parent, fallbackParent: "", driver: "cgroupfs", id: "c1" });
    expect(path).toBe("/kubepods/podX/c1");
  });

  it("does not take the other driver's form", () => {
    const mismatch = expect.objectContaining({ code: "FAILED_PRECONDITION" });
    expect(() => podCgroup(cgroupfs, id, "/kubepods.slice/kubepods-podX.slice")).toThrow(mismatch);
    expect(() => podCgroup(systemd, id, "/kubepods/podX")).toThrow(mismatch);
  });
});

describe("slicePath()", () => {
  it("follows the dashes of a slice's name", () => {
    expect(slicePath("-.slice")).toBe("/");
    expect(slicePath("a.slice")).toBe("/a.slice");
    expect(slicePath("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
  });
});
