import { expect, expectFailure, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import { recorded } from "./recorded.ts";

/** What the kernel keeps to, in words that are the same for both versions of cgroups. */
async function limits(c: Container): Promise<string> {
  return await c.observe({
    inside: [
      "one() { for file in $1; do [ -e $file ] && cat $file && return; done; cat $2; }",
      "echo memory $(one /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)",
      "if [ -e /sys/fs/cgroup/cpu.max ]; then echo cpu $(cat /sys/fs/cgroup/cpu.max)",
      "else set -- /sys/fs/cgroup/cpu*/cpu.cfs_quota_us; echo cpu $(cat $1 $(dirname $1)/cpu.cfs_period_us); fi",
      "set -- /sys/fs/cgroup/cpu*/cpu.shares",
      "if [ -e $1 ]; then echo shares $(cat $1); else echo weight $(cat /sys/fs/cgroup/cpu.weight); fi",
      "awk '/^(Cpus|Mems)_allowed_list:/ { print $1, $2 }' /proc/1/status",
    ].join("\n"),
    recorded(info) {
      const asked = (name: string): string => recorded(info, `config.linux.resources.${name}`);
      return [
        `memory ${asked("memory_limit_in_bytes")}`,
        `cpu ${asked("cpu_quota")} ${asked("cpu_period")}`,
        `shares ${asked("cpu_shares")}`,
        `Cpus_allowed_list: ${asked("cpuset_cpus")}`,
        `Mems_allowed_list: ${asked("cpuset_mems")}`,
      ].join("\n");
    },
  });
}

export const limitsHold: Case = defineCase({
  name: "the limits of a container's configuration hold in its cgroup",
  cites: "runtime.v1 LinuxContainerResources; OCI runtime-spec linux.resources",
  covers: [
    "LinuxContainerConfig.resources",
    "LinuxContainerResources.cpu_period",
    "LinuxContainerResources.cpu_quota",
    "LinuxContainerResources.cpu_shares",
    "LinuxContainerResources.memory_limit_in_bytes",
    "LinuxContainerResources.cpuset_cpus",
  ],
  async run({ pod }) {
    const c = await pod.start({
      resources: {
        cpuPeriod: 50_000n,
        cpuQuota: 25_000n,
        cpuShares: 4096n,
        memoryLimitInBytes: 67_108_864n,
        cpusetCpus: "0",
      },
    });
    const found = (await limits(c)).split("\n");
    expect(found).toMatchObject([
      "memory 67108864",
      "cpu 25000 50000",
      // how shares become a weight has changed
      /^(shares 4096|weight (157|303))$/,
      "Cpus_allowed_list: 0",
      /^Mems_allowed_list: /,
    ]);
  },
});

export const memoryNodes: Case = defineCase({
  name: "a container has the memory nodes that it asks for, and one that asks for some that are not there does not run",
  cites: "runtime.v1 LinuxContainerResources.cpuset_mems; cpuset(7): memory nodes of the machine",
  covers: ["LinuxContainerResources.cpuset_mems"],
  async run({ pod, target }) {
    const c = await pod.start({ resources: { cpusetMems: "0" } });
    const nodes = await c.observe({
      inside: "awk '/^Mems_allowed_list:/ { print $2 }' /proc/1/status",
      recorded: (info) => recorded(info, "config.linux.resources.cpuset_mems"),
    });
    expect(nodes).toBe("0");
    // a machine with one node has no other to be kept from
    if (target.has.includes("inside")) await expectFailure(pod.start({ resources: { cpusetMems: "1023" } }), failures);
  },
});

const failures = ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "INTERNAL", "UNKNOWN"] as const;

export const outOfMemoryScore: Case = defineCase({
  name: "a container has the score for want of memory that it asks for",
  cites: "runtime.v1 LinuxContainerResources.oom_score_adj: -1000 to 1000",
  covers: ["LinuxContainerResources.oom_score_adj"],
  async run({ pod }) {
    const c = await pod.start({ resources: { oomScoreAdj: 987n } });
    const score = await c.observe({
      inside: "cat /proc/1/oom_score_adj",
      recorded: (info) => recorded(info, "config.linux.resources.oom_score_adj"),
    });
    expect(score).toBe("987");
  },
});

export const limitsInStatus: Case = defineCase({
  name: "ContainerStatus tells the limits that hold",
  cites: "runtime.v1 ContainerStatus.resources: for in-place resize; KEP-1287",
  covers: ["ContainerStatus.resources", "ContainerResources.linux"],
  async run({ pod }) {
    const asked = { cpuPeriod: 100_000n, cpuQuota: 20_000n, cpuShares: 512n, memoryLimitInBytes: 67_108_864n };
    const c = await pod.start({ resources: asked });
    expect((await c.status()).resources?.linux).toMatchObject(asked);
  },
});

export const noLimitsInStatus: Case = defineCase({
  name: "ContainerStatus tells zeros for a container without limits of its own",
  cites: "runtime.v1 ContainerStatus.resources: unset from older runtimes alone; KEP-1287",
  covers: ["ContainerStatus.resources", "ContainerResources.linux"],
  async run({ pod }) {
    const c = await pod.create();
    const none = { cpuPeriod: 0n, cpuQuota: 0n, cpuShares: 0n, memoryLimitInBytes: 0n };
    expect((await c.status()).resources?.linux).toMatchObject(none);
  },
});

export const limitsChange: Case = defineCase({
  name: "UpdateContainerResources changes the limits of a running container, and leaves what it does not name",
  cites: "runtime.v1 UpdateContainerResources: the new limits hold when the call returns; zero keeps what is set",
  covers: ["UpdateContainerResourcesRequest.container_id", "UpdateContainerResourcesRequest.linux"],
  async run({ cri, pod }) {
    const c = await pod.start({
      resources: { cpuPeriod: 100_000n, cpuQuota: 20_000n, cpuShares: 2048n, memoryLimitInBytes: 67_108_864n },
    });
    const linux = { cpuQuota: 30_000n, memoryLimitInBytes: 134_217_728n };
    await expectSuccess(cri.updateContainerResources({ containerId: c.id, linux }));
    const found = (await limits(c)).split("\n").slice(0, 3);
    expect(found).toMatchObject(["memory 134217728", "cpu 30000 100000", /^(shares 2048|weight (79|174))$/]);
  },
});

export const changedLimitsInStatus: Case = defineCase({
  name: "ContainerStatus tells limits that UpdateContainerResources has changed",
  cites: "runtime.v1 ContainerStatus.resources: the limits that hold now; KEP-1287",
  covers: ["ContainerStatus.resources", "UpdateContainerResourcesRequest.linux"],
  async run({ cri, pod }) {
    const c = await pod.start({ resources: { cpuShares: 512n, memoryLimitInBytes: 67_108_864n } });
    await cri.updateContainerResources({ containerId: c.id, linux: { memoryLimitInBytes: 134_217_728n } });
    const linux = (await c.status()).resources?.linux;
    expect(linux).toMatchObject({ cpuShares: 512n, memoryLimitInBytes: 134_217_728n });
  },
});

export const impossibleLimits: Case = defineCase({
  name: "UpdateContainerResources with a limit that can't be is refused, and the old ones hold",
  cites: "runtime.v1 UpdateContainerResources: all of them or, with an error, none",
  covers: ["UpdateContainerResourcesRequest.linux"],
  async run({ cri, pod }) {
    const c = await pod.start({
      resources: { cpuPeriod: 100_000n, cpuQuota: 20_000n, cpuShares: 2048n, memoryLimitInBytes: 67_108_864n },
    });
    const before = await limits(c);
    const linux = { cpuQuota: 30_000n, cpuPeriod: 5n, cpuShares: 4096n };
    await expectRefusal(cri.updateContainerResources({ containerId: c.id, linux }));
    expect(await limits(c)).toBe(before);
  },
});

export const killedForMemory: Case = defineCase({
  name: "a container that the kernel killed for want of memory has exit code 137 and the reason OOMKilled",
  cites: "runtime.v1 ContainerStatus.reason: OOMKilled, which every runtime has to set",
  covers: ["ContainerStatus.reason", "LinuxContainerResources.memory_limit_in_bytes"],
  critest: [
    "[k8s.io] Container OOM runtime should output OOMKilled reason should terminate with exitCode 137 and reason OOMKilled",
  ],
  needs: ["inside"],
  async run({ pod, until }) {
    const c = await expectSuccess(
      pod.start({
        resources: { memoryLimitInBytes: 16_777_216n, memorySwapLimitInBytes: 16_777_216n },
        config: { command: ["sh", "-c", "exec tail /dev/zero"] },
      }),
    );
    expect((await c.until("exited")).exitCode).toBe(137);
    // containerd hears of it apart from the exit
    await until("the reason is OOMKilled", async () => (await c.status()).reason === "OOMKilled", { withinMs: 3_000 });
  },
});
