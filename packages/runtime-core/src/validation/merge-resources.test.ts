import { create } from "@bufbuild/protobuf";
import { type LinuxContainerResources, LinuxContainerResourcesSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { mergeResources } from "./merge-resources.ts";

const full = (): LinuxContainerResources =>
  create(LinuxContainerResourcesSchema, {
    cpuPeriod: 100_000n,
    cpuQuota: 50_000n,
    cpuShares: 512n,
    memoryLimitInBytes: 1000n,
    memorySwapLimitInBytes: 2000n,
    oomScoreAdj: -997n,
    cpusetCpus: "0",
    cpusetMems: "0",
    hugepageLimits: [
      { pageSize: "2MB", limit: 4n },
      { pageSize: "1GB", limit: 0n },
    ],
    unified: { "memory.oom.group": "1" },
  });

describe("mergeResources()", () => {
  it("keeps everything where an update says nothing", () => {
    expect(mergeResources(full(), create(LinuxContainerResourcesSchema))).toEqual(full());
    expect(mergeResources(undefined, full())).toEqual({ ...full(), oomScoreAdj: 0n });
  });

  it("sets each field that says something, alone", () => {
    const changes: Partial<LinuxContainerResources> = {
      cpuPeriod: 1n,
      cpuQuota: -1n,
      cpuShares: 2n,
      memoryLimitInBytes: -1n,
      memorySwapLimitInBytes: 4n,
      cpusetCpus: "1-2",
      cpusetMems: "1",
    };
    for (const [field, value] of Object.entries(changes)) {
      const asked = { ...create(LinuxContainerResourcesSchema), [field]: value };
      expect(mergeResources(full(), asked), field).toEqual({ ...full(), [field]: value });
    }
  });

  it("replaces huge pages by size and files by name, and never the OOM score", () => {
    const asked = create(LinuxContainerResourcesSchema, {
      oomScoreAdj: 5n,
      hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
      unified: { "pids.max": "9", __proto__: "x" },
    });
    const merged = mergeResources(full(), asked);
    expect(merged.oomScoreAdj).toBe(-997n);
    expect(merged.hugepageLimits.map(({ pageSize, limit }) => [pageSize, limit])).toEqual([
      ["1GB", 0n],
      ["2MB", 0n],
    ]);
    expect(merged.unified).toEqual({ "memory.oom.group": "1", "pids.max": "9" });
  });
});
