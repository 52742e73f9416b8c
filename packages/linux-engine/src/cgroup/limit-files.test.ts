import { describe, expect, it } from "vitest";
import { limitFiles } from "./limit-files.ts";

const all = {
  cpu: { shares: 512n, quota: 50_000n, period: 100_000n, cpus: "0-1", mems: "0" },
  memory: { limit: 1000n, swap: 1500n },
  hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
};
const written = (...of: Parameters<typeof limitFiles>) =>
  limitFiles(...of).map(({ name, value }) => `${name}=${value}`);

describe("limitFiles()", () => {
  it("are a file for each limit on v1, with its controller", () => {
    expect(limitFiles(all, 1)).toEqual([
      { controller: "cpu", name: "cpu.shares", value: "512" },
      { controller: "cpu", name: "cpu.cfs_period_us", value: "100000" },
      { controller: "cpu", name: "cpu.cfs_quota_us", value: "50000" },
      { controller: "cpuset", name: "cpuset.cpus", value: "0-1" },
      { controller: "cpuset", name: "cpuset.mems", value: "0" },
      { controller: "memory", name: "memory.limit_in_bytes", value: "1000" },
      { controller: "memory", name: "memory.memsw.limit_in_bytes", value: "1500" },
      { controller: "hugetlb", name: "hugetlb.2MB.limit_in_bytes", value: "0" },
    ]);
    expect(written({ cpu: { quota: -1n }, memory: { limit: -1n } }, 1)).toEqual([
      "cpu.cfs_quota_us=-1",
      "memory.limit_in_bytes=-1",
    ]);
  });

  it("are v2's own on v2: quota and period in one, swap without memory, no limit as max, no weight", () => {
    expect(written({ ...all, unified: { "pids.max": "9" } }, 2)).toEqual([
      "cpu.max=50000 100000",
      "cpuset.cpus=0-1",
      "cpuset.mems=0",
      "memory.max=1000",
      "memory.swap.max=500",
      "hugetlb.2MB.max=0",
      "pids.max=9",
    ]);
    expect(written({ cpu: { quota: -1n }, memory: { limit: -1n, swap: -1n } }, 2)).toEqual([
      "cpu.max=max",
      "memory.max=max",
      "memory.swap.max=max",
    ]);
    expect(written({ cpu: { period: 50_000n } }, 2)).toEqual(["cpu.max=max 50000"]);
    expect(written({ cpu: { shares: 2n } }, 2)).toEqual([]);
  });

  it("are none where nothing is set", () => {
    expect(limitFiles({}, 1)).toEqual([]);
    expect(limitFiles({ cpu: {}, memory: {} }, 2)).toEqual([]);
  });
});
