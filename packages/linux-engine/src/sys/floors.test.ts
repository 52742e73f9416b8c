import { describe, expect, it } from "vitest";
import { belowFloors, compareVersions, type FloorFacts, readFloorFacts } from "./floors.ts";

const good: FloorFacts = {
  node: "24.21.0",
  kernel: "5.14.0-427.el9.x86_64",
  glibc: "2.34",
  pidfd_open: "works",
  openat2: "works",
  mount_setattr: "works",
  conmon: "2.1.6",
  bwrap: "0.8.0",
  runc: "1.1.5+ds1",
  crun: "1.8.1",
};

describe("belowFloors()", () => {
  it("has nothing to say when all is well, also with one runtime of the two", () => {
    expect(belowFloors(good)).toEqual([]);
    expect(belowFloors({ ...good, runc: undefined })).toEqual([]);
    expect(belowFloors({ ...good, crun: "0.17" })).toEqual([]);
  });

  it("T11.08: wants a Node whose HTTP parsers are known", () => {
    expect(belowFloors({ ...good, node: "24.20.9" })).toEqual([
      "node is 24.20.9, and keelson needs 24.21 or newer for an HTTP/2 server that hostile frames were tried on",
    ]);
    expect(belowFloors({ ...good, node: "26.0.0" })).toEqual([]);
  });

  it("says a sentence for each thing that is too old or not there", () => {
    expect(belowFloors({ ...good, kernel: "5.10.0-30-amd64", openat2: undefined, conmon: undefined })).toEqual([
      "kernel is 5.10.0-30-amd64, and keelson needs 5.14 or newer for pidfd, openat2, mount_setattr and cgroup.kill",
      "openat2 is not there, and keelson needs it for reading files of images safely",
      "conmon is not there, and keelson needs 2.1 or newer for keeping containers and their logs",
    ]);
    expect(belowFloors({ ...good, runc: "1.0.3", crun: undefined })).toEqual([
      "runc is 1.0.3, and keelson needs 1.1 or newer for running containers; crun is not there, and keelson needs 1.8 or newer for running containers: one of both is enough",
    ]);
  });

  it.skipIf(process.platform !== "linux")("readFloorFacts() reads this machine", async () => {
    const facts = await readFloorFacts({ runc: "/bin/true" });
    expect(facts.kernel).toMatch(/^\d+\.\d+/);
    expect(facts.glibc).toMatch(/^2\.\d+/);
    expect([facts.pidfd_open, facts.openat2]).toEqual(["works", "works"]);
    if (process.getuid?.() === 0) expect(facts.mount_setattr).toBe("works");
    expect(facts.runc).toMatch(/^\d/); // of coreutils, whose version true tells
  });
});

describe("compareVersions()", () => {
  it.each([
    ["5.14", "5.14.0", 0],
    ["5.9", "5.14", -1],
    ["6.18.44-fc-v669", "5.14", 1],
    ["1.1.5+ds1", "1.1", 1],
    ["1.0.0-rc93", "1.1", -1],
    ["none", "0.1", -1],
  ])("%s against %s", (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});
