import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";
import { startOrRefused } from "./made-or-refused.ts";
import { recorded } from "./recorded.ts";

type Info = Readonly<Record<string, unknown>>;

/** A folder of the node that the case mounts, with one file. */
async function folderWithFile({ defer }: Pick<Stage, "defer">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-conformance-"));
  defer("folder", () => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "file"), "here");
  return folder;
}

/** What was recorded of a field of the first mount. */
function ofMount({ config }: Info, field: string): string {
  const [mount] = JSON.parse(recorded(config, "mounts") || "[]") as readonly unknown[];
  return recorded(mount, field);
}

export const shiftedOwners: Case = defineCase({
  name: "a mount shows owners shifted by the maps that it asks for, or the container is refused",
  cites: "runtime.v1 Mount: uidMappings, gidMappings, an idmapped mount; mount_setattr(2); KEP-127",
  covers: ["Mount.uidMappings", "Mount.gidMappings", "IDMapping.host_id", "IDMapping.container_id", "IDMapping.length"],
  async run({ cri, pod, defer, target }) {
    const hostPath = await folderWithFile({ defer });
    if (target.has.includes("inside")) await chown(join(hostPath, "file"), 5, 6);
    const mapping = { containerId: 1, hostId: 100_001, length: 1000 };
    for (const [field, name, wanted] of [
      ["uidMappings", "uid", "100005 6"],
      ["gidMappings", "gid", "5 100006"],
    ] as const) {
      const mounts = [{ containerPath: "/data", hostPath, [field]: [mapping] }];
      const c = await startOrRefused({ cri }, pod, { config: { mounts } }, new RegExp(`${name}.?mapping|idmap`, "i"));
      if (c === undefined) continue;
      const found = await c.observe({
        inside: "stat -c '%u %g' /data/file",
        recorded: (info) => ofMount(info, field),
      });
      const kept = JSON.stringify([{ host_id: 100_001, container_id: 1, length: 1000 }]);
      expect(found).toBe(target.has.includes("inside") ? wanted : kept);
    }
  },
});

export const optionsOfAMount: Case = defineCase({
  name: "a mount forbids programs, devices and set-user-ID as it asks, or the container is refused",
  cites: "runtime.v1 Mount.mount_options: noexec, nodev, nosuid; RuntimeFeatures.mount_options",
  covers: ["Mount.mount_options"],
  async run({ cri, pod, defer }) {
    const hostPath = await folderWithFile({ defer });
    const mountOptions = ["noexec", "nodev", "nosuid"];
    const promised = (await cri.status({})).features?.mountOptions === true;
    const mounts = [{ containerPath: "/data", hostPath, mountOptions }];
    const c = await startOrRefused({ cri }, pod, { config: { mounts } }, /mount.?options/i);
    if (c === undefined) {
      expect(promised, "Status promises mount options").toBe(false);
      return;
    }
    const found = await c.observe({
      inside: "awk '$5 == \"/data\" { print $6 }' /proc/1/mountinfo",
      recorded: (info) => (JSON.parse(ofMount(info, "mount_options") || "[]") as readonly string[]).join(","),
    });
    for (const option of mountOptions) expect(found.split(",")).toContain(option);
  },
});

export const relabelledMount: Case = defineCase({
  name: "a container can use the files of a mount that is to get its SELinux label, on a node without SELinux too",
  cites: "runtime.v1 Mount.selinux_relabel: gives the files the container's label; no effect without SELinux",
  covers: ["Mount.selinux_relabel"],
  async run({ pod, defer, target }) {
    const hostPath = await folderWithFile({ defer });
    const mounts = [{ containerPath: "/data", hostPath, selinuxRelabel: true }];
    const c = await expectSuccess(pod.start({ config: { mounts } }));
    const found = await c.observe({
      inside: "cat /data/file && touch /data/other",
      recorded: (info) => ofMount(info, "selinux_relabel"),
    });
    expect(found).toBe(target.has.includes("inside") ? "here" : "true");
  },
});
