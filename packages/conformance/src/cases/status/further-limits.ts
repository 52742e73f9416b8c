import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { startOrRefused } from "./made-or-refused.ts";
import { recorded } from "./recorded.ts";

const mebibyte = 1_048_576n;

/** Whether the node counts by this controller, in either version of cgroups. */
async function nodeHas(controller: string): Promise<boolean> {
  const controllers = await readFile("/sys/fs/cgroup/cgroup.controllers", "utf8").catch(() => "");
  return controllers.split(/\s+/).includes(controller) || existsSync(`/sys/fs/cgroup/${controller}`);
}

export const swapLimit: Case = defineCase({
  name: "a container has the swap that its limit of memory and swap leaves, and none with a limit of memory alone",
  cites: "runtime.v1 LinuxContainerResources.memory_swap_limit_in_bytes: memory and swap together; 0 is no swap",
  covers: ["LinuxContainerResources.memory_swap_limit_in_bytes"],
  async run({ pod }) {
    const memoryLimitInBytes = 64n * mebibyte;
    const some = await pod.start({ resources: { memoryLimitInBytes, memorySwapLimitInBytes: 96n * mebibyte } });
    const none = await pod.start({ resources: { memoryLimitInBytes } });
    const ways = {
      inside: [
        "if cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null; then exit; fi",
        // v2 counts swap alone
        "if [ -e /sys/fs/cgroup/memory.swap.max ]; then cat /sys/fs/cgroup/memory.swap.max | sed 's/^/swap /'; fi",
      ].join("\n"),
      recorded: (info: Readonly<Record<string, unknown>>) =>
        recorded(info, "config.linux.resources.memory_swap_limit_in_bytes") || String(memoryLimitInBytes),
    };
    const found = [await some.observe(ways), await none.observe(ways)];
    // where the node does not count swap there is nothing that could hold
    if (found[0] === "" && found[1] === "") return;
    const together = [String(96n * mebibyte), String(64n * mebibyte)];
    const alone = [`swap ${32n * mebibyte}`, "swap 0"];
    expect(found).toEqual(found[0]?.startsWith("swap") ? alone : together);
  },
});

/** The sizes of huge pages that the node has, as CRI and the kernel's files name them, with their bytes. */
async function pageSizes(): Promise<readonly { readonly pageSize: string; readonly bytes: bigint }[]> {
  const names = await readdir("/sys/kernel/mm/hugepages").catch(() => []);
  return names.flatMap((name) => {
    const kibibytes = BigInt(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0n);
    if (kibibytes === 0n) return [];
    const [size, unit] =
      kibibytes >= mebibyte
        ? [kibibytes / mebibyte, "GB"]
        : kibibytes >= 1024n
          ? [kibibytes / 1024n, "MB"]
          : [kibibytes, "KB"];
    return [{ pageSize: `${size}${unit}`, bytes: kibibytes * 1024n }];
  });
}

export const hugePages: Case = defineCase({
  name: "a container may use as many huge pages of each size as it asks for, or is refused where nothing counts them",
  cites:
    "runtime.v1 LinuxContainerResources.hugepage_limits: one for each page size; a pod never runs with less than asked",
  covers: ["LinuxContainerResources.hugepage_limits", "HugepageLimit.page_size", "HugepageLimit.limit"],
  async run({ cri, pod, target }) {
    const inside = target.has.includes("inside");
    const sizes = inside ? await pageSizes() : [{ pageSize: "2MB", bytes: 2n * mebibyte }];
    const hugepageLimits = sizes.map(({ pageSize, bytes }, at) => ({ pageSize, limit: bytes * BigInt(at + 2) }));
    const wanted = hugepageLimits.map(({ pageSize, limit }) => `${pageSize} ${limit}`);
    const c = await startOrRefused({ cri }, pod, { resources: { hugepageLimits } }, /huge/i);
    if (c === undefined) {
      expect(await nodeHas("hugetlb"), "the node counts huge pages").toBe(false);
    } else {
      const found = await c.observe({
        inside: [
          `for size in ${sizes.map(({ pageSize }) => pageSize).join(" ")}; do`,
          "for file in hugetlb/hugetlb.$size.limit_in_bytes hugetlb.$size.max; do",
          "if [ -e /sys/fs/cgroup/$file ]; then echo $size $(cat /sys/fs/cgroup/$file); fi; done; done",
        ].join("\n"),
        recorded(info) {
          const kept = JSON.parse(recorded(info, "config.linux.resources.hugepage_limits") || "[]");
          return (kept as readonly Record<string, string>[]).map((one) => `${one.page_size} ${one.limit}`).join("\n");
        },
      });
      expect(found.split("\n").filter((line) => line !== "")).toEqual(wanted);
    }
    // the kubelet names every size of the node in every create
    const unused = hugepageLimits.map(({ pageSize }) => ({ pageSize, limit: 0n }));
    await expectSuccess(pod.start({ resources: { hugepageLimits: unused } }));
  },
});

export const unifiedFiles: Case = defineCase({
  name: "a file of cgroup v2 has the value that a container asks for, and on cgroup v1 the container is refused",
  cites: "runtime.v1 LinuxContainerResources.unified: files of the container's cgroup; OCI runtime-spec unified",
  covers: ["LinuxContainerResources.unified"],
  async run({ cri, pod, target }) {
    const resources = { unified: { "pids.max": "123" } };
    const c = await startOrRefused({ cri }, pod, { resources }, /unified|cgroup ?v1/i);
    if (c === undefined) {
      expect(existsSync("/sys/fs/cgroup/cgroup.controllers"), "the node has cgroup v2").toBe(false);
      return;
    }
    const found = await c.observe({
      inside: "cat /sys/fs/cgroup/pids.max",
      recorded: (info) => recorded(info, "config.linux.resources.unified"),
    });
    expect(found).toBe(target.has.includes("inside") ? "123" : '{"pids.max":"123"}');
  },
});
