import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Pod } from "../../stage/pod.ts";
import type { Stage } from "../../stage/stage.ts";
import { findProcesses, type NodeProcess } from "./node-processes.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const cgroupRoot = "/sys/fs/cgroup";

/** Starts a container whose shell can be told from all other processes of the node. */
async function startNamed({ until }: Pick<Stage, "until">, pod: Pod, word: string): Promise<NodeProcess> {
  const command = ["sh", "-c", `: ${word}\ntrap 'exit 143' TERM\nwhile :; do sleep 3600 & wait $!; done`];
  await pod.start({ config: { command } });
  // what a runtime started may still be about to become the command
  return await until("a process of the node has the container's command", async () => {
    const [one] = await findProcesses(async (process) => (await process.read("cmdline")).includes(`: ${word}\n`));
    return one;
  });
}

/** Where a process lies, in the hierarchy of the memory controller or of cgroup v2. */
async function cgroupOf(process: NodeProcess): Promise<string> {
  const lines = (await process.read("cgroup")).split("\n").map((line) => line.split(":"));
  const [, , ...path] =
    lines.find(([, names = ""]) => names.split(",").includes("memory")) ?? lines.find(([no]) => no === "0") ?? [];
  return path.join(":");
}

/** A cgroup below the target's own, as the runtime's driver wants it written, and where it lies. */
function parentFor(base: string, word: string, systemd: boolean): { readonly asked: string; readonly path: string } {
  if (!systemd) return { asked: `${base}/${word}`, path: `${base}/${word}` };
  const outer =
    base
      .split("/")
      .at(-1)
      ?.replace(/\.slice$/, "") ?? "";
  const slice = outer === "" ? `${word}.slice` : `${outer}-${word}.slice`;
  return { asked: slice, path: `/${slice}` };
}

async function removeEmptyCgroup(path: string): Promise<void> {
  for (const hierarchy of ["", ...(await readdir(cgroupRoot))]) {
    // it is only where the runtime has made it, and its own where the runtime keeps it
    await rmdir(join(cgroupRoot, hierarchy, path)).catch((error: NodeJS.ErrnoException) => {
      if (!["ENOENT", "ENOTDIR", "EBUSY", "ENOTEMPTY"].includes(error.code ?? "")) throw error;
    });
  }
}

export const cgroupParent: Case = defineCase({
  name: "the processes of a pod's containers are below the cgroup that the pod names",
  cites: "runtime.v1 LinuxPodSandboxConfig.cgroup_parent: the runtime puts the containers' cgroups below it",
  covers: ["LinuxPodSandboxConfig.cgroup_parent"],
  async run(stage) {
    const { pod: ordinary, anotherPod, unique, target } = stage;
    const inside = target.has.includes("inside");
    const systemd =
      inside && (await cgroupOf(await startNamed(stage, ordinary, `${unique}-driver`))).endsWith(".scope");
    const { asked, path } = parentFor(target.cgroupParent ?? "", unique, systemd);
    const { $typeName: _, ...linux } = ordinary.config.linux ?? { $typeName: "" };
    const pod = anotherPod({ config: { linux: { ...linux, cgroupParent: asked } } });
    await pod.run();
    if (!inside) {
      const info = await sandboxInfo({ cri: stage.cri, pod });
      expect(recorded(info, "config.linux.cgroup_parent")).toBe(asked);
      return;
    }
    try {
      const [one, other] = [
        await startNamed(stage, pod, `${unique}-one`),
        await startNamed(stage, pod, `${unique}-other`),
      ];
      for (const process of [one, other]) expect(await cgroupOf(process)).toContain(`${path}/`);
      // each has one of its own there
      expect(await cgroupOf(one)).not.toBe(await cgroupOf(other));
    } finally {
      await pod.sweep();
      if (!systemd) await removeEmptyCgroup(path);
    }
  },
});

export const sizesOfMachines: Case = defineCase({
  name: "overhead and resources of a sandbox, by which virtual machines are sized, limit none of its containers",
  cites: "runtime.v1 LinuxPodSandboxConfig: overhead, resources: others ignore it; KEP-688",
  covers: [],
  async run({ anotherPod, pod: ordinary }) {
    const { $typeName: _, ...linux } = ordinary.config.linux ?? { $typeName: "" };
    const sizes = {
      overhead: { memoryLimitInBytes: 16_777_216n, cpuQuota: 10_000n, cpuPeriod: 100_000n },
      resources: { memoryLimitInBytes: 33_554_432n, cpuQuota: 20_000n, cpuPeriod: 100_000n },
    };
    const pod = anotherPod({ config: { linux: { ...linux, ...sizes } } });
    const c = await pod.start({ resources: { memoryLimitInBytes: 134_217_728n } });
    const found = await c.observe({
      inside: "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true",
      recorded: (info) => recorded(info, "config.linux.resources.memory_limit_in_bytes"),
    });
    expect(found).toBe("134217728");
  },
});
