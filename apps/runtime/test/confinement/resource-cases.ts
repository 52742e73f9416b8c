import { describe, expect, test } from "vitest";
import { notKept } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import type { Stage } from "./stage.ts";

const mebi = 1024n * 1024n;
const v1 = {
  memory: "memory/memory.limit_in_bytes",
  swap: "memory/memory.memsw.limit_in_bytes",
  shares: "cpu/cpu.shares",
  quota: "cpu/cpu.cfs_quota_us",
  period: "cpu/cpu.cfs_period_us",
  cpus: "cpuset/cpuset.cpus",
  mems: "cpuset/cpuset.mems",
  pids: "pids/pids.max",
};
const v2 = {
  memory: "memory.max",
  swap: "memory.swap.max",
  shares: "cpu.weight",
  quota: "cpu.max",
  period: "cpu.max",
  cpus: "cpuset.cpus",
  mems: "cpuset.mems",
  pids: "pids.max",
};

export function resourceCases(stage: () => Stage): void {
  /** The container's own cgroup files, and `oom_score_adj`. */
  const look = async (resources: object) => {
    const files = stage().facts.cgroupVersion === 1 ? v1 : v2;
    const script = [
      ...Object.entries(files).map(([name, file]) => `echo ${name} $(cat /sys/fs/cgroup/${file})`),
      "echo oom $(cat /proc/self/oom_score_adj)",
      "nproc",
    ].join("; ");
    const { lines, reported } = await stage().look(script, { resources });
    const values = Object.fromEntries(lines.map((line) => [line.split(" ")[0], line.split(" ").slice(1).join(" ")]));
    return { values: values as Record<keyof typeof v1 | "oom", string>, reported };
  };

  describe("resources", () => {
    test(
      "memory and swap, shares, quota and period, processors and memory nodes, as the cgroup has them",
      observes(
        ...["cpu_period", "cpu_quota", "cpu_shares", "memory_limit_in_bytes", "cpuset_cpus", "cpuset_mems"].map(
          (field) => `LinuxContainerResources.${field}`,
        ),
        "LinuxContainerResources.memory_swap_limit_in_bytes",
      ),
      async () => {
        const { facts } = stage();
        const limits = { cpuPeriod: 50_000n, cpuQuota: 25_000n, cpuShares: 512n, memoryLimitInBytes: 64n * mebi };
        const { values, reported } = await look({
          ...limits,
          cpusetCpus: "0",
          cpusetMems: "0",
          memorySwapLimitInBytes: 96n * mebi,
        });
        const memory = String(64n * mebi);
        if (facts.cgroupVersion === 1) {
          expect(values).toMatchObject({
            memory,
            shares: "512",
            quota: "25000",
            period: "50000",
            cpus: "0",
            mems: "0",
          });
          if (facts.swapAccounting) expect(values.swap).toBe(String(96n * mebi));
        } else {
          expect(values).toMatchObject({ memory, quota: "25000 50000", cpus: "0", mems: "0" });
          expect(Number(values.shares)).toBeGreaterThan(1);
          expect(Number(values.shares)).toBeLessThan(100);
          if (facts.swapAccounting) expect(values.swap).toBe(String(32n * mebi));
        }
        expect(reported.has("linux.resources.memory_swap_limit_in_bytes")).toBe(!facts.swapAccounting);
        // without a word about swap there is none
        const plain = await look({ memoryLimitInBytes: 32n * mebi });
        if (facts.swapAccounting) expect(plain.values.swap).toBe(facts.cgroupVersion === 1 ? String(32n * mebi) : "0");
        expect(plain.values.pids).toBe("max");
      },
    );

    test(
      "a score for the OOM killer, no lower than the daemon may",
      observes("LinuxContainerResources.oom_score_adj"),
      async () => {
        const { facts } = stage();
        expect((await look({ oomScoreAdj: 987n })).values.oom).toBe("987");
        const low = await look({ oomScoreAdj: -600n });
        const able = facts.canLowerOomScoreAdj || facts.oomScoreAdj <= -600;
        expect(low.values.oom).toBe(able ? "-600" : String(facts.oomScoreAdj));
        const why = low.reported.get("linux.resources.oom_score_adj");
        if (able) expect(why).toBeUndefined();
        else expect(why).toMatch(/raised to/);
      },
    );

    test(
      "limits of huge pages: 0 asks for nothing and is reported where nothing counts them",
      observes("HugepageLimit.page_size", "HugepageLimit.limit"),
      async () => {
        const hugepageLimits = [
          { pageSize: "2MB", limit: 0n },
          { pageSize: "1GB", limit: 0n },
        ];
        const { reported } = await look({ hugepageLimits });
        const counted = stage().facts.controllers.has("hugetlb");
        for (const index of [0, 1]) {
          const why = reported.get(`linux.resources.hugepage_limits[${index}]`);
          if (counted) expect(why).toBeUndefined();
          else expect(why).toMatch(/no hugetlb controller/);
        }
      },
    );

    test("files of cgroup v2 by name, on v2", observes("LinuxContainerResources.unified"), async () => {
      expect((await look({ unified: {} })).values.pids).toBe("max");
      if (stage().facts.cgroupVersion === 1) return; // there every key is refused
      const { values } = await look({ unified: { "pids.max": "77", "memory.oom.group": "1" } });
      expect(values.pids).toBe("77");
    });

    test(
      "limits that nothing here counts are refused",
      refuses("LinuxContainerResources.unified", "HugepageLimit.limit"),
      async () => {
        const { facts, create, refused } = stage();
        const key = facts.cgroupVersion === 1 ? "pids.max" : "cpu.weight";
        const hugepageLimits = [{ pageSize: "2MB", limit: 4n * mebi }];
        const huge = notKept("linux.resources.hugepage_limits[0].limit", () =>
          create({ resources: { hugepageLimits } }),
        );
        await refused(
          notKept("linux.resources.unified", () => create({ resources: { unified: { [key]: "100" } } })),
          ...(facts.controllers.has("hugetlb") ? [] : [huge]),
        );
      },
    );
  });
}
