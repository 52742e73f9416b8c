import { describe, expect, it } from "vitest";
import { parseCgroupLayout } from "./cgroup-layout.ts";
import { kernelVersion, readCapabilities } from "./read-host-facts.ts";

describe("readCapabilities()", () => {
  it("names the bits of the two sets", () => {
    const sets = readCapabilities("CapPrm:\t0000000000000000\nCapEff:\t0000000000000001\nCapBnd:\t0000010000000003\n");
    expect([...sets.effective]).toEqual(["CAP_CHOWN"]);
    expect([...sets.bounding]).toEqual(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_CHECKPOINT_RESTORE"]);
  });
});

describe("kernelVersion()", () => {
  it("reads the leading numbers", () => {
    expect(kernelVersion("6.18.44-fc-v669")).toEqual([6, 18]);
    expect(kernelVersion("5.14.0")).toEqual([5, 14]);
  });
});

const line = (point: string, type: string, options: string): string =>
  `31 23 0:28 / ${point} rw,relatime - ${type} ${type} ${options}\n`;

describe("parseCgroupLayout()", () => {
  it("is version 2 when /sys/fs/cgroup itself is cgroup2", () => {
    const layout = parseCgroupLayout(
      Buffer.from(line("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate")),
      "cpu memory pids\n",
    );
    expect(layout.version).toBe(2);
    expect(layout.controllers).toEqual(["cpu", "freezer", "memory", "pids"]);
    expect(layout.unified).toBe("/sys/fs/cgroup");
  });

  it("is version 1 where a cgroup2 mount stands beside v1 hierarchies", () => {
    const mountinfo = [
      line("/sys/fs/cgroup", "tmpfs", "rw,mode=755"),
      line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
      line("/sys/fs/cgroup/freezer", "cgroup", "rw,freezer"),
      line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,release_agent=/lib/x,name=systemd"),
      line("/sys/fs/cgroup/unified", "cgroup2", "rw"),
      line("/mnt/elsewhere", "cgroup", "rw,pids"),
    ];
    const layout = parseCgroupLayout(Buffer.from(mountinfo.join("")), "");
    expect(layout.version).toBe(1);
    expect(layout.controllers).toEqual(["cpu", "cpuacct", "freezer"]);
    expect(layout.mounts.get("name=systemd")).toBe("/sys/fs/cgroup/systemd");
    expect(layout.mounts.get("cpuacct")).toBe("/sys/fs/cgroup/cpu,cpuacct");
    expect(layout.unified).toBe("/sys/fs/cgroup/unified");
  });
});
