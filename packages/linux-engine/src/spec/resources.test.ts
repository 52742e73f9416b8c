import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LinuxContainerResourcesSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { hostFacts, poorFacts } from "../../test/spec/fixtures.ts";
import { checkCpuset } from "./cpuset.ts";
import { buildOomScoreAdj } from "./oom-score.ts";
import { buildResources, type ResourceFacts } from "./resources.ts";

type Init = MessageInitShape<typeof LinuxContainerResourcesSchema>;
const build = (init: Init, facts: ResourceFacts = hostFacts({ cgroupDriver: "cgroupfs" })) =>
  buildResources(create(LinuxContainerResourcesSchema, init), facts);
const maxInt64 = 2n ** 63n - 1n;

describe("buildResources()", () => {
  it("asks for nothing where the request does", () => {
    expect(build({})).toEqual({ resources: {}, reported: [] });
    expect(buildResources(undefined, poorFacts())).toEqual({ resources: {}, reported: [] });
  });

  it("writes what the kubelet sends", () => {
    const { resources } = build({
      cpuShares: 1024n,
      cpuQuota: 50_000n,
      cpuPeriod: 100_000n,
      memoryLimitInBytes: 64n << 20n,
      cpusetCpus: "0-1",
      unified: { "memory.oom.group": "1", "pids.max": "max", "memory.swap.max": "0" },
      hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
    });
    expect(resources).toEqual({
      cpu: { shares: 1024n, quota: 50_000n, period: 100_000n, cpus: "0-1" },
      memory: { limit: 64n << 20n, swap: 64n << 20n },
      hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
      unified: { "memory.oom.group": "1", "pids.max": "max", "memory.swap.max": "0" },
    });
  });

  it("has systemd set no limit of tasks of its own where none is asked for", () => {
    const facts = hostFacts({ cgroupDriver: "systemd" });
    expect(build({}, facts).resources).toEqual({ pids: { limit: -1 } });
    expect(buildResources(undefined, facts).resources).toEqual({ pids: { limit: -1 } });
    expect(build({ unified: { "pids.max": "5" } }, facts).resources).toEqual({ unified: { "pids.max": "5" } });
    expect(build({}, hostFacts({ cgroupDriver: "systemd", controllers: new Set() })).resources).toEqual({});
  });

  it("keeps every digit of 64 bits", () => {
    const { resources } = build({ memoryLimitInBytes: 2n ** 53n + 1n, memorySwapLimitInBytes: maxInt64 });
    expect(resources.memory).toEqual({ limit: 2n ** 53n + 1n, swap: maxInt64 });
  });

  it("has no swap with a memory limit alone, and says so where swap is not counted but was limited", () => {
    const facts = hostFacts({ cgroupDriver: "cgroupfs", swapAccounting: false });
    expect(build({ memoryLimitInBytes: 4096n }, facts)).toEqual({
      resources: { memory: { limit: 4096n } },
      reported: [],
    });
    const { resources, reported } = build({ memoryLimitInBytes: 4096n, memorySwapLimitInBytes: 8192n }, facts);
    expect(resources.memory).toEqual({ limit: 4096n });
    expect(reported.map((item) => item.field)).toEqual(["linux.resources.memory_swap_limit_in_bytes"]);
  });

  it.each([
    { init: { cpuShares: 1n }, text: "cpu_shares: 1 is not in 2…262144" },
    { init: { cpuShares: -5n }, text: "cpu_shares" },
    { init: { cpuPeriod: 999n }, text: "cpu_period" },
    { init: { cpuPeriod: 1_000_001n }, text: "cpu_period" },
    { init: { cpuQuota: 999n }, text: "cpu_quota" },
    { init: { cpuQuota: -2n }, text: "cpu_quota" },
    { init: { memoryLimitInBytes: -2n }, text: "memory_limit_in_bytes" },
    { init: { memoryLimitInBytes: 8192n, memorySwapLimitInBytes: 4096n }, text: "below the memory limit" },
    { init: { hugepageLimits: [{ pageSize: "../2MB", limit: 0n }] }, text: "hugepage_limits[0].page_size" },
  ])("T6.06 refuses $text", ({ init, text }) => {
    expect(() => build(init)).toThrow(text);
  });

  it("takes -1 for no limit", () => {
    expect(build({ cpuQuota: -1n, memorySwapLimitInBytes: -1n, memoryLimitInBytes: 1n }).resources).toEqual({
      cpu: { quota: -1n },
      memory: { limit: 1n, swap: -1n },
    });
  });

  it.each([
    { init: { cpuShares: 2n }, controller: "cpu" },
    { init: { cpuQuota: 1000n }, controller: "cpu" },
    { init: { cpusetCpus: "0" }, controller: "cpuset" },
    { init: { cpusetMems: "0" }, controller: "cpuset" },
    { init: { memoryLimitInBytes: 1n }, controller: "memory" },
  ])("refuses $init without the $controller controller", ({ init, controller }) => {
    expect(() => build(init, hostFacts({ controllers: new Set() }))).toThrow(
      `this host has no ${controller} controller`,
    );
  });

  it("reports huge page limits of 0 without a controller, and refuses others", () => {
    const { resources, reported } = build({ hugepageLimits: [{ pageSize: "2MB", limit: 0n }] }, poorFacts());
    expect(resources).toEqual({});
    expect(reported).toMatchObject([{ field: "linux.resources.hugepage_limits[0]", value: "2MB=0" }]);
    expect(() => build({ hugepageLimits: [{ pageSize: "2MB", limit: 1n }] }, poorFacts())).toThrow(
      "set linux.resources.hugepage_limits[0]: 1 bytes of 2MB pages, this host has no hugetlb controller",
    );
  });

  it("refuses unified on cgroup v1, other keys, and values that the file would not take", () => {
    expect(() => build({ unified: { "pids.max": "5" } }, poorFacts())).toThrow("this host has cgroup v1");
    expect(() => build({ unified: { "memory.high": "1" } })).toThrow('linux.resources.unified["memory.high"]');
    expect(() => build({ unified: { "../cgroup.procs": "1" } })).toThrow("only pids.max");
    expect(() => build({ unified: { "pids.max": "-1" } })).toThrow("is not a value of this file");
    expect(() => build({ unified: { "memory.oom.group": "1\n0" } })).toThrow("is not a value of this file");
    const noPids = hostFacts({ controllers: new Set(["memory"]) });
    expect(() => build({ unified: { "pids.max": "5" } }, noPids)).toThrow("no pids controller");
  });

  it("takes memory.swap.max of 0 or max for nothing where swap is not counted", () => {
    const facts = hostFacts({ cgroupDriver: "cgroupfs", swapAccounting: false });
    const { resources, reported } = build({ unified: { "memory.swap.max": "0" } }, facts);
    expect(resources).toEqual({});
    expect(reported).toHaveLength(1);
    expect(() => build({ unified: { "memory.swap.max": "4096" } }, facts)).toThrow("does not count swap");
  });
});

describe("checkCpuset()", () => {
  it.each(["0", "0-3", "0-1,4,7-8191"])("takes %s", (list) => {
    expect(checkCpuset(list, "f")).toBeUndefined();
  });

  it.each(["0-9223372036854775807", "8192", "3-1", "a", "0,", "-1", "0--1", "1e3", " "])("T6.06 refuses %j", (list) => {
    const start = performance.now();
    expect(() => checkCpuset(list, "cpuset_cpus")).toThrow("cpuset_cpus");
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe("buildOomScoreAdj()", () => {
  it("raises to the daemon's own where that may not go lower, and says so", () => {
    const facts = { oomScoreAdj: -500, canLowerOomScoreAdj: false };
    expect(buildOomScoreAdj(-997n, facts)).toMatchObject({
      value: -500,
      reported: [{ field: "linux.resources.oom_score_adj", value: "-997" }],
    });
    expect(buildOomScoreAdj(-997n, { ...facts, canLowerOomScoreAdj: true })).toEqual({ value: -997, reported: [] });
    expect(buildOomScoreAdj(1000n, facts)).toEqual({ value: 1000, reported: [] });
    expect(() => buildOomScoreAdj(1001n, facts)).toThrow("oom_score_adj");
  });
});
